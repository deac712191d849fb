// Removing many messages at once.
#include <map>
#include <string>
#include <utility>

#include "base/varint.h"
#include "store/keys.h"
#include "store/store.h"

namespace hikyaku::store {
namespace {

/// Takes `gone` users of a body that several messages share away from its count. True: nobody uses it now.
Result<bool> forget_users(const Kv& kv, Kv::Batch& batch, const std::string& body_key, std::uint64_t gone) {
  auto stored = kv.get(kReferences, body_key);
  if (!stored) return std::unexpected(stored.error());
  std::string_view octets = *stored ? std::string_view(**stored) : std::string_view();
  const auto count = take_varint(octets);
  if (!count || *count < gone)
    return fail(Fault::corrupt, "mailbox database: the count of a body's references can't be read");
  batch.preconditions.push_back({kReferences, body_key, std::move(**stored)});
  if (*count == gone) {
    batch.remove(kReferences, body_key);
    return true;
  }
  std::string left;
  put_varint(left, *count - gone);
  batch.put(kReferences, body_key, std::move(left));
  return false;
}

}  // namespace

Result<Store::Expunged> Store::expunge_all(Kv::Batch& batch, std::string_view mailbox,
                                           std::span<const Uid> uids) {
  const auto seen = visible(mailbox);
  if (!seen) return std::unexpected(seen.error());
  std::vector<std::string> keys;
  keys.reserve(uids.size());
  for (const auto uid : uids) keys.push_back(message_key(seen->first, uid));
  auto stored = kv_.multi_get(kMessage, keys);
  if (!stored) return std::unexpected(stored.error());

  struct Body {
    std::uint64_t users = 0;  // among the messages that go
    bool shared = false;
    std::string blob;
  };
  Expunged result;
  std::map<std::string, Body> bodies;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    auto& octets = (*stored)[i];
    if (!octets) continue;
    auto record = record::decode_message_record(*octets);
    if (!record) {
      return fail(record.error().fault, "message " + std::to_string(uids[i]) + " of mailbox '" +
                                            std::string(mailbox) + "': " + record.error().text);
    }
    // One message can have a mailbox twice, by two of its recipients: the count is changed once for both.
    auto& body = bodies[record->body_key];
    ++body.users;
    body.shared = record->shared;
    body.blob = std::move(record->blob);
    batch.preconditions.push_back({kMessage, keys[i], std::move(*octets)});
    batch.remove(kMessage, std::move(keys[i]));
    ++result.messages;
  }
  if (result.messages == 0) return result;

  for (auto& [key, body] : bodies) {
    if (body.shared) {
      const auto unused = forget_users(kv_, batch, key, body.users);
      if (!unused) return std::unexpected(unused.error());
      if (!*unused) continue;
    }
    if (body.blob.empty()) {
      batch.remove(kBody, key);
    } else {
      result.unused_blobs.push_back(std::move(body.blob));
    }
  }
  if (auto raised = raise_floor(batch, mailbox); !raised) return std::unexpected(raised.error());
  return result;
}

}  // namespace hikyaku::store
