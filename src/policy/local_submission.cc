#include "policy/local_submission.h"

#include "table/fold.h"

namespace hikyaku::policy {
namespace {

/// The octets of lists in lookup results.
constexpr std::string_view kBetween = ", \t\r\n";

}  // namespace

Result<bool> LocalSubmission::may_submit(std::string_view login) const {
  const auto match = authorized.match(login, nullptr);
  if (!match) return std::unexpected(match.error());
  return match->has_value();
}

Result<bool> LocalSubmission::may_send_as(std::string_view login, const mail::Address& sender) const {
  const auto found = login_senders.find(login, nullptr);
  if (!found) return std::unexpected(found.error());
  if (!*found) return false;
  const auto user = table::split_extension(sender.local(), delimiters).user;
  const auto domain = sender.has_domain() ? "@" + sender.domain() : std::string();
  const auto bare = std::string(user) + domain;
  std::string_view rest = (*found)->value;
  while (!rest.empty()) {
    const auto begin = rest.find_first_not_of(kBetween);
    if (begin == std::string_view::npos) break;
    rest.remove_prefix(begin);
    const auto pattern = rest.substr(0, rest.find_first_of(kBetween));
    rest.remove_prefix(pattern.size());
    if (pattern == "*") return true;
    if (sender.null() ? pattern == null_sender
                      : table::equal_ascii_nocase(pattern, bare) ||
                            (!domain.empty() && table::equal_ascii_nocase(pattern, domain)))
      return true;
  }
  return false;
}

}  // namespace hikyaku::policy
