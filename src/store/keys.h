#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/kv.h"
#include "record/queue_id.h"

namespace hikyaku::store {

/// In the order of spaces().
enum Space : Kv::Space { kMailbox, kMessage, kBody, kReferences, kDelivery, kMeta };

inline std::string big_endian(std::uint32_t value) {
  std::string out(sizeof value, '\0');
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<char>(value >> (24 - 8 * i) & 0xff);
  return out;
}

/// Mailbox and UID: the messages of a mailbox stand together, in order.
inline std::string message_key(std::uint32_t mailbox, std::uint32_t uid) {
  return big_endian(mailbox) + big_endian(uid);
}
inline std::string mailbox_end(std::uint32_t mailbox) { return prefix_end(big_endian(mailbox)); }

inline std::optional<std::uint32_t> uid_of(std::string_view key) {
  if (key.size() != 2 * sizeof(std::uint32_t)) return std::nullopt;
  std::uint32_t uid = 0;
  for (const char c : key.substr(sizeof uid)) uid = uid << 8 | static_cast<unsigned char>(c);
  return uid;
}

inline std::string delivery_key(record::QueueId id, std::string_view recipient) {
  return id.key().append(recipient);
}

}  // namespace hikyaku::store
