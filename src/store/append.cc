#include "store/append.h"

#include <utility>

#include "store/bodies.h"
#include "store/keys.h"
#include "store/messages.h"
#include "store/registry.h"
#include "store/usage.h"

namespace hikyaku::store {

Result<Appended> append(Store& store, Kv::Batch& batch, std::string_view mailbox,
                        std::vector<NewMessage> messages) {
  Appended result{Change(&store.registry()), 0, {}};
  if (messages.empty()) return result;
  if (messages.size() > kMostAtOnce)
    return fail(Fault::malformed, "at most " + std::to_string(kMostAtOnce) + " messages are added at once");
  const auto given = store.registry().give(batch, mailbox, {}, Registry::Missing::refuse,
                                           static_cast<std::uint32_t>(messages.size()), result.change);
  if (!given) return std::unexpected(given.error());
  result.uid_validity = given->uid_validity;
  record::Usage usage;
  auto uid = given->first_uid;
  for (auto& message : messages) {
    auto key = message_key(given->mailbox, uid);
    record::MessageRecord record;
    record.flags = message.flags;
    record.received = message.received;
    record.queue_id = message.queue_id;
    record.sender = std::move(message.sender);
    record.body_size = message.size;
    record.header_size = message.header_size;
    record.body_key = key;
    record.blob = std::move(message.blob);
    record.modseq = given->modseq;
    record.keywords = std::move(message.keywords);
    if (record.blob.empty()) {
      batch.put(kBody, key, std::move(message.body));
    } else {
      batch.put(kFile, record.blob, count_value(message.size));
    }
    for (auto& [space, name] : message.known_by) {
      batch.preconditions.push_back({space, name, std::nullopt});
      batch.put(space, std::move(name), key);
    }
    if (message.envelope) batch.put(kEnvelope, key, encode(*message.envelope));
    batch.put(kMessage, std::move(key), encode(record));
    usage += record::usage_of_message(record);
    batch.put(kChange, changed_key(given->mailbox, given->modseq, uid), {});
    result.uids.push_back(uid++);
  }
  store.registry().add_usage(batch, mailbox, *given, usage, result.change);
  return result;
}

}  // namespace hikyaku::store
