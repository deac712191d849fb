#pragma once
// For the parts of this folder that change messages.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/kv.h"
#include "base/result.h"
#include "record/message_record.h"
#include "store/registry.h"
#include "store/store.h"

namespace hikyaku::store {

struct FoundMessage {
  Uid uid;
  record::MessageRecord record;
};
struct FoundMessages {
  std::vector<FoundMessage> messages;  // in ascending order of UID, each once
  std::vector<Uid> missing;
};
/// Reads messages that `batch` will change, with the precondition that nobody else does.
Result<FoundMessages> messages_for_change(const Store& store, Kv::Batch& batch,
                                          const Registry::Mailbox& mailbox, const std::vector<Uid>& uids);

/// Takes the messages out of their mailbox: their rows, the row of what vanished, and the mailbox's own row,
/// with a precondition. Bodies and usage are the caller's.
Result<Registry::Given> take_out(Store& store, Kv::Batch& batch, std::string_view mailbox,
                                 const std::vector<FoundMessage>& messages, Change& change);

inline record::Usage usage_of_messages(const std::vector<FoundMessage>& messages) {
  record::Usage sum;
  for (const auto& one : messages) sum += record::usage_of_message(one.record);
  return sum;
}

}  // namespace hikyaku::store
