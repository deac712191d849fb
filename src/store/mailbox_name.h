#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "mail/address.h"

namespace hikyaku::store {

/// Names of mailboxes: "user@domain" is a user's INBOX and stands for the user's account, "user@domain/A/B" a
/// folder of it. A local user's account has no '@'. The account ends before the first '/' after the first
/// '@', or before the first '/' when there is no '@': so a folder of a local user has no '@' in its name.
constexpr char kDelimiter = '/';
constexpr std::size_t kLongestName = 1000;  ///< octets
constexpr std::size_t kDeepestName = 32;    ///< parts, with the account

/// The mailbox that mail for `address` goes to: "Joe@EXAMPLE.org" -> "Joe@example.org", "joe" -> "joe".
std::string mailbox_name(const mail::Address& address);

/// "user@domain/A/B" -> "user@domain". Of any octets.
std::string_view account_of(std::string_view mailbox);
inline bool is_inbox(std::string_view mailbox) { return account_of(mailbox).size() == mailbox.size(); }
/// "user@domain/A/B" -> "user@domain/A"; empty for an INBOX.
std::optional<std::string_view> superior_of(std::string_view mailbox);
/// Whether `mailbox` is below `other` in its hierarchy.
bool is_inferior(std::string_view mailbox, std::string_view other);

/// Fails with Fault::malformed unless `mailbox` is UTF-8 of 1 to kLongestName octets, without control
/// characters (C0, DEL, C1), in at most kDeepestName parts of which none is empty, "." or "..". For names
/// that people make; an address that gets mail has the mailbox of its name in any case.
Result<void> check_mailbox_name(std::string_view mailbox);

}  // namespace hikyaku::store
