#include "store/bodies.h"

#include "base/varint.h"
#include "store/keys.h"
#include "store/pending.h"

namespace hikyaku::store {

std::string count_value(std::uint64_t count) {
  std::string out;
  put_varint(out, count);
  return out;
}

Result<BodyChanges::Body*> BodyChanges::body_of(const record::MessageRecord& message) {
  const auto [at, fresh] = bodies_.try_emplace(message.body_key);
  auto& body = at->second;
  if (!fresh) return &body;
  body.blob = message.blob;
  if (!message.shared) return &body;
  auto stored = read_for_change(kv_, batch_, kReferences, message.body_key);
  if (!stored) return std::unexpected(stored.error());
  std::string_view octets = *stored ? std::string_view(**stored) : std::string_view();
  const auto count = take_varint(octets);
  if (!count || *count == 0 || !octets.empty()) {
    return fail(Fault::corrupt,
                "mailbox database: the count of a body's references can't be read: hikyaku store verify");
  }
  body.count = *count;
  body.counted = true;
  return &body;
}

Result<void> BodyChanges::share(const record::MessageRecord& message) {
  auto body = body_of(message);
  if (!body) return std::unexpected(body.error());
  ++(*body)->count;
  return {};
}

Result<void> BodyChanges::release(const record::MessageRecord& message) {
  auto body = body_of(message);
  if (!body) return std::unexpected(body.error());
  if ((*body)->count == 0)
    return fail(Fault::corrupt,
                "mailbox database: a body has more messages than its count says: "
                "hikyaku store verify");
  --(*body)->count;
  return {};
}

void BodyChanges::finish(std::vector<std::string>& unused_blobs) {
  for (auto& [key, body] : bodies_) {
    if (body.count > 0) {
      if (body.counted || body.count > 1) batch_.put(kReferences, key, count_value(body.count));
      continue;
    }
    if (body.counted) batch_.remove(kReferences, key);
    batch_.remove(kEnvelope, key);
    if (body.blob.empty()) {
      batch_.remove(kBody, key);
    } else {
      batch_.remove(kFile, body.blob);
      unused_blobs.push_back(std::move(body.blob));
    }
  }
  bodies_.clear();
}

}  // namespace hikyaku::store
