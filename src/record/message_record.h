#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "mail/address.h"
#include "record/keywords.h"
#include "record/queue_id.h"

namespace hikyaku::record {

/// A mailbox: what its name stands for. Versions before 2 end after uid_floor.
struct MailboxRecord {
  std::uint32_t id = 0;            ///< from 1, never given twice
  std::uint32_t uid_validity = 0;  ///< RFC 9051 s. 2.3.1.1
  std::uint32_t uid_floor = 1;     ///< the next UID is this or higher, also after the last message is removed
  std::uint64_t modseq_floor = 2;  ///< the next MODSEQ (RFC 7162) is this or higher; 1 is that of before
  std::uint64_t vanished_floor = 1;  ///< what vanished at this MODSEQ or before is not remembered any more
  std::uint64_t vanished_rows = 0;   ///< changes of which the vanished UIDs are remembered
  bool selectable = true;            ///< false: only a name above others, \Noselect
  bool operator==(const MailboxRecord&) const = default;
};

/// RFC 9051 s. 2.3.2, the system flags.
struct Flags {
  bool seen = false;
  bool answered = false;
  bool flagged = false;
  bool deleted = false;
  bool draft = false;
  bool operator==(const Flags&) const = default;
};

/// One message in one mailbox: all but its body, which may be shared. Versions before 2 end before modseq; of
/// version 3 are those alone that were restored.
struct MessageRecord {
  Flags flags;
  Time received{};   ///< INTERNALDATE
  QueueId queue_id;  ///< for `hikyaku why`
  mail::Address sender;
  std::string prefix;  ///< header lines of this mailbox's copy alone; they come before the body
  std::uint64_t body_size = 0;
  std::uint64_t header_size = 0;  ///< of the body, with the empty line
  std::string body_key;      ///< of the body in the Kv when `blob` is empty, and of its count of references
  std::string blob;          ///< the body's name in the Blob
  bool shared = false;       ///< the body has a count of references
  std::uint64_t modseq = 1;  ///< of its last change (RFC 7162)
  Keywords keywords;
  Time restored{};  ///< when it was put back after its removal; 1970: it never was
  bool operator==(const MessageRecord&) const = default;
};

/// The stored forms are framed as that of QueueEntry, and fail to decode in the same ways.
std::string encode(const MailboxRecord& record);
Result<MailboxRecord> decode_mailbox_record(std::string_view stored);
std::string encode(const MessageRecord& record);
Result<MessageRecord> decode_message_record(std::string_view stored);

}  // namespace hikyaku::record
