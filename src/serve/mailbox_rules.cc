#include "serve/mailbox_rules.h"

#include <utility>

#include "store/mailbox_name.h"

namespace hikyaku::serve {

Result<policy::Retention> MailboxRules::of(std::string_view mailbox, KeyTrail* trail) const {
  const auto account = store::account_of(mailbox);
  const auto folder =
      account.size() == mailbox.size() ? std::string_view() : mailbox.substr(account.size() + 1);
  return maps->find(account, folder, trail);
}

bool MailboxRules::keeps_removed(std::string_view mailbox) const {
  if (removed_lifetime.count() > 0) return true;
  const auto rule = of(mailbox);
  return !rule || keeps_removed(*rule);
}

store::PurgeLimits MailboxRules::purge_limits(
    std::chrono::seconds lifetime, Time now,
    std::function<void(std::string_view mailbox, const Error&)> told) const {
  if (maps->empty()) return {};
  return [this, lifetime, now, told = std::move(told)](std::string_view mailbox) -> std::optional<Time> {
    const auto rule = of(mailbox);
    if (rule) return rule->purge_before(lifetime, now);
    told(mailbox, rule.error());
    return std::nullopt;
  };
}

}  // namespace hikyaku::serve
