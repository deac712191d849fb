#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string_view>

#include "base/explanation.h"
#include "base/result.h"
#include "base/time.h"
#include "policy/retention.h"
#include "store/removed.h"

namespace hikyaku::serve {

/// What one configuration says of mail in mailboxes that is removed. Cheap to copy.
struct MailboxRules {
  std::shared_ptr<const policy::RetentionMaps> maps;  ///< hikyaku_mailbox_expire_maps; never null
  std::chrono::seconds removed_lifetime{};            ///< hikyaku_removed_mail_lifetime

  /// policy::RetentionMaps::find() for a mailbox by its name.
  Result<policy::Retention> of(std::string_view mailbox, KeyTrail* trail = nullptr) const;
  /// Whether what is removed from the mailbox can be restored for a while. Yes when its rule can't be told.
  bool keeps_removed(std::string_view mailbox) const;
  bool keeps_removed(const policy::Retention& rule) const {
    return removed_lifetime.count() > 0 || rule.keeps_removed();
  }
  /// For store::purge() of what was removed `lifetime` ago. Of a mailbox whose rule can't be told nothing is
  /// purged, and `told` gets why. Lives as long as these rules.
  store::PurgeLimits purge_limits(std::chrono::seconds lifetime, Time now,
                                  std::function<void(std::string_view mailbox, const Error&)> told) const;
};

}  // namespace hikyaku::serve
