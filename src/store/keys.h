#pragma once
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/kv.h"
#include "base/time.h"
#include "base/varint.h"
#include "record/queue_id.h"

namespace hikyaku::store {

/// In the order of spaces(), which only ever grows at its end.
enum Space : Kv::Space {
  kMailbox,     ///< name -> MailboxRecord
  kMessage,     ///< message_key() -> MessageRecord
  kBody,        ///< body key -> octets
  kReferences,  ///< body key -> how many messages have it, also removed ones
  kDelivery,    ///< delivery_key() -> message_key()
  kMeta,        ///< "format", "floors", moved_key(), moved_body_key(), salvaged_key()
  kChange,      ///< changed_key() -> nothing, vanished_key() -> UIDs
  kRemoved,     ///< removed_key(), removal_key(), removed_mailbox_key(): what can be restored
  kAccount,     ///< usage_key(), quota_key(), subscription_key()
  kEnvelope,    ///< body key -> Envelope
  kFile,        ///< blob -> its octets: of each body that is a file
};
constexpr std::size_t kSpaces = 11;

constexpr std::string_view kFloorsKey = "floors";  ///< in kMeta: MailboxFloors

template <class Number>
std::string big_endian(Number value) {
  std::string out(sizeof value, '\0');
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<char>(value >> (8 * (sizeof value - 1 - i)) & 0xff);
  return out;
}

/// Takes a number off the front of `key`; empty when it is cut.
template <class Number>
std::optional<Number> take_big_endian(std::string_view& key) {
  if (key.size() < sizeof(Number)) return std::nullopt;
  Number value = 0;
  for (const char c : key.substr(0, sizeof value)) {
    value = static_cast<Number>(value << 8 | static_cast<unsigned char>(c));
  }
  key.remove_prefix(sizeof value);
  return value;
}

/// Mailbox and UID: the messages of a mailbox stand together, in order.
inline std::string message_key(std::uint32_t mailbox, std::uint32_t uid) {
  return big_endian(mailbox) + big_endian(uid);
}
inline std::string mailbox_end(std::uint32_t mailbox) { return prefix_end(big_endian(mailbox)); }

struct MessagePlace {
  std::uint32_t mailbox, uid;
};
inline std::optional<MessagePlace> place_of(std::string_view key) {
  const auto mailbox = take_big_endian<std::uint32_t>(key);
  const auto uid = take_big_endian<std::uint32_t>(key);
  if (!mailbox || !uid || !key.empty()) return std::nullopt;
  return MessagePlace{*mailbox, *uid};
}
inline std::optional<std::uint32_t> uid_of(std::string_view key) {
  const auto place = place_of(key);
  return place ? std::optional(place->uid) : std::nullopt;
}

inline std::string delivery_key(record::QueueId id, std::string_view recipient) {
  return id.key().append(recipient);
}

// ---- kMeta: accounts that go to another database

constexpr std::string_view kMovedAccounts = "moved/";
inline std::string moved_key(std::string_view account) { return std::string(kMovedAccounts).append(account); }
/// Where the bodies of several messages went: the key that a body had -> its key now.
inline std::string moved_body_prefix(std::string_view account) {
  std::string out("moved-body/");
  put_text(out, account);
  return out;
}
inline std::string moved_body_key(std::string_view account, std::string_view body) {
  return moved_body_prefix(account).append(body);
}

// ---- kMeta: messages that were brought in from logs, so that they are not once more -> message_key()

/// A message by the place that it had, and by its INTERNALDATE, for after a loss a mailbox may have come to
/// have the number of one that was lost.
inline std::string salvaged_key(std::string_view message_key, Time received) {
  return std::string("salvaged/")
      .append(message_key)
      .append(big_endian(static_cast<std::uint64_t>(received.time_since_epoch().count())));
}

/// The same of what a damaged record had of it.
inline std::string salvaged_key(std::string_view message_key) {
  return std::string("salvaged-doubtful/").append(message_key);
}

// ---- kChange: what changed in a mailbox, and what vanished from it, each in order of MODSEQ

inline std::string changed_prefix(std::uint32_t mailbox) { return big_endian(mailbox) + 'c'; }
inline std::string vanished_prefix(std::uint32_t mailbox) { return big_endian(mailbox) + 'v'; }
inline std::string changed_key(std::uint32_t mailbox, std::uint64_t modseq, std::uint32_t uid) {
  return changed_prefix(mailbox) + big_endian(modseq) + big_endian(uid);
}
inline std::string vanished_key(std::uint32_t mailbox, std::uint64_t modseq) {
  return vanished_prefix(mailbox) + big_endian(modseq);
}
struct ChangePlace {
  std::uint32_t mailbox;
  char kind;  // 'c' or 'v'
  std::uint64_t modseq;
  std::uint32_t uid;  // 0 of 'v'
};
inline std::optional<ChangePlace> change_place_of(std::string_view key) {
  const auto mailbox = take_big_endian<std::uint32_t>(key);
  if (!mailbox || key.empty() || (key.front() != 'c' && key.front() != 'v')) return std::nullopt;
  const char kind = key.front();
  key.remove_prefix(1);
  const auto modseq = take_big_endian<std::uint64_t>(key);
  const auto uid = kind == 'c' ? take_big_endian<std::uint32_t>(key) : 0U;
  if (!modseq || !uid || !key.empty()) return std::nullopt;
  return ChangePlace{*mailbox, kind, *modseq, *uid};
}

// ---- kRemoved: messages by place, the same by the time of their removal, and whole mailboxes

constexpr std::string_view kRemovedMessages = "m", kRemovals = "t", kRemovedMailboxes = "b";
inline std::string removed_key(std::uint32_t mailbox, std::uint32_t uid) {
  return std::string(kRemovedMessages) + message_key(mailbox, uid);
}
inline std::string removal_time_key(Time removed) {
  return std::string(kRemovals) + big_endian(static_cast<std::uint64_t>(
                                      std::max<std::int64_t>(removed.time_since_epoch().count(), 0)));
}
inline std::string removal_key(Time removed, std::uint32_t mailbox, std::uint32_t uid) {
  return removal_time_key(removed) + message_key(mailbox, uid);
}
struct Removal {
  Time removed;
  MessagePlace place;
};
/// Of a removal_key().
inline std::optional<Removal> removal_of(std::string_view key) {
  if (!key.starts_with(kRemovals)) return std::nullopt;
  key.remove_prefix(kRemovals.size());
  const auto time = take_big_endian<std::uint64_t>(key);
  const auto place = place_of(key);
  if (!time || !place) return std::nullopt;
  return Removal{Time(Time::duration(static_cast<std::int64_t>(*time))), *place};
}
inline std::string removed_mailbox_key(std::uint32_t mailbox) {
  return std::string(kRemovedMailboxes) + big_endian(mailbox);
}

// ---- kAccount: of one user

inline std::string account_prefix(std::string_view account) {
  std::string out;
  put_text(out, account);
  return out;
}
inline std::string quota_key(std::string_view account) { return account_prefix(account) + 'l'; }
/// In front of all; before format 3 a row itself, the sum of the account.
inline std::string usage_key(std::string_view account) { return account_prefix(account) + 'u'; }
/// In front of those of a mailbox: its sum, which has the MODSEQ 0, and what changes added since.
inline std::string usage_key(std::string_view account, std::uint32_t mailbox) {
  return usage_key(account) + big_endian(mailbox);
}
inline std::string usage_key(std::string_view account, std::uint32_t mailbox, std::uint64_t modseq) {
  return usage_key(account, mailbox) + big_endian(modseq);
}
struct UsagePlace {
  std::uint32_t mailbox;  // 0: of the whole account, of before format 3
  std::uint64_t modseq;
};
/// Of a key behind its usage_key(account).
inline std::optional<UsagePlace> usage_place_of(std::string_view rest) {
  if (rest.empty()) return UsagePlace{0, 0};
  const auto mailbox = take_big_endian<std::uint32_t>(rest);
  const auto modseq = take_big_endian<std::uint64_t>(rest);
  if (!mailbox || !modseq || !rest.empty()) return std::nullopt;
  return UsagePlace{*mailbox, *modseq};
}
inline std::string subscription_prefix(std::string_view account) { return account_prefix(account) + 's'; }

}  // namespace hikyaku::store
