#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/kv.h"
#include "base/result.h"
#include "record/envelope.h"
#include "record/keywords.h"
#include "store/store.h"

namespace hikyaku::store {

/// A message that is put into a mailbox as it is, not delivered.
struct NewMessage {
  Time received{};  ///< INTERNALDATE
  Flags flags;
  record::Keywords keywords;
  mail::Address sender;
  std::uint64_t size = 0;
  std::uint64_t header_size = 0;  ///< with the empty line
  std::string blob;               ///< a finished blob under a name of its own; empty: `body` is it
  std::string body;
  std::optional<record::Envelope> envelope;  ///< for listings
  record::QueueId queue_id;                  ///< of the delivery that it came by once; 0: none
  /// Rows that get the new message's key as their value in the same commit, which fails with Fault::not_found
  /// when one is there by then: what it is recognised by when it comes again.
  std::vector<std::pair<Kv::Space, std::string>> known_by;
};

struct Appended {
  Change change;
  std::uint32_t uid_validity = 0;  ///< RFC 4315's APPENDUID
  std::vector<Uid> uids;           ///< in the order of the messages
};
/// RFC 9051 s. 6.3.12, and several at once as RFC 3502: at most kMostAtOnce. The rules of messages.h. No
/// quota is looked at: has_room() tells. Fault::not_found: there is no such mailbox.
Result<Appended> append(Store& store, Kv::Batch& batch, std::string_view mailbox,
                        std::vector<NewMessage> messages);

}  // namespace hikyaku::store
