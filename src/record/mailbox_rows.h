#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "record/message_record.h"

namespace hikyaku::record {

/// A message that was removed from its mailbox and can still be put back.
struct RemovedMessage {
  Time removed{};
  MessageRecord message;
  bool operator==(const RemovedMessage&) const = default;
};

/// A mailbox that was removed with all its messages and can still be put back.
struct RemovedMailbox {
  Time removed{};
  std::string name;  ///< that it had
  MailboxRecord mailbox;
  bool purging = false;  ///< some of its messages are gone for good
  bool operator==(const RemovedMailbox&) const = default;
};

/// Of a mailbox, or of all of one user; or what a change adds to it. Version 1 ends before unseen.
struct Usage {
  std::int64_t octets = 0;
  std::int64_t messages = 0;
  std::int64_t unseen = 0;  ///< of the messages
  Usage& operator+=(const Usage& other) {
    octets += other.octets;
    messages += other.messages;
    unseen += other.unseen;
    return *this;
  }
  Usage operator-() const { return {-octets, -messages, -unseen}; }
  bool operator==(const Usage&) const = default;
};

/// What changes added to a mailbox, added up. Version 3 of a row of usage; in those before it `below` is 0.
struct FoldedUsage {
  Usage sum;
  std::uint64_t below = 0;  ///< every change with a lower MODSEQ is in it, and has no row of its own any more
  bool operator==(const FoldedUsage&) const = default;
};

/// What one message adds.
inline Usage usage_of_message(const MessageRecord& message) {
  return {static_cast<std::int64_t>(message.prefix.size() + message.body_size), 1,
          message.flags.seen ? 0 : 1};
}

/// What a user may keep; 0: without limit.
struct Quota {
  std::uint64_t octets = 0;
  std::uint64_t messages = 0;
  bool operator==(const Quota&) const = default;
};

/// Numbers that no later mailbox of the database may have, though the ones that had them are gone.
struct MailboxFloors {
  std::uint32_t last_id = 0;
  std::uint32_t last_uid_validity = 0;
  bool operator==(const MailboxFloors&) const = default;
};

/// An account that goes from one mailbox database to another. Both have this row while it does; the catalogue
/// (mailbox_catalogue.h) says in which of them the account is, and what the other has of it is to go.
struct MovedAccount {
  Time begun{};
  std::string from, to;  ///< names of databases
  bool operator==(const MovedAccount&) const = default;
};

/// The stored forms are framed as that of QueueEntry, and fail to decode in the same ways.
std::string encode(const RemovedMessage& removed);
Result<RemovedMessage> decode_removed_message(std::string_view stored);
std::string encode(const RemovedMailbox& removed);
Result<RemovedMailbox> decode_removed_mailbox(std::string_view stored);
std::string encode(const Usage& usage);
/// Of a FoldedUsage: its sum.
Result<Usage> decode_usage(std::string_view stored);
std::string encode(const FoldedUsage& usage);
Result<FoldedUsage> decode_folded_usage(std::string_view stored);
std::string encode(const Quota& quota);
Result<Quota> decode_quota(std::string_view stored);
std::string encode(const MailboxFloors& floors);
Result<MailboxFloors> decode_mailbox_floors(std::string_view stored);
std::string encode(const MovedAccount& moved);
Result<MovedAccount> decode_moved_account(std::string_view stored);
/// UIDs in ascending order, each as its distance from the one before.
std::string encode_uids(const std::vector<std::uint32_t>& uids);
Result<std::vector<std::uint32_t>> decode_uids(std::string_view stored);

}  // namespace hikyaku::record
