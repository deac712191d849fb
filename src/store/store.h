#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/blob.h"
#include "base/kv.h"
#include "base/kv_space.h"
#include "base/result.h"
#include "base/time.h"
#include "mail/address.h"
#include "record/message_record.h"
#include "record/queue_id.h"

namespace hikyaku::store {

using record::Flags;
using Uid = std::uint32_t;  ///< RFC 9051 s. 2.3.1.1: from 1, only growing within a mailbox

/// The spaces of a mailbox database, for whoever opens it. `delivery_memory`: how long a delivery is
/// recognised when it comes a second time; must outlast any crash and restart of the queue.
std::vector<KvSpace> spaces(std::chrono::seconds delivery_memory = std::chrono::days{8});

/// The mailbox that mail for `address` goes to: "Joe@EXAMPLE.org" -> "Joe@example.org", "joe" -> "joe".
std::string mailbox_name(const mail::Address& address);

/// Mailboxes with their messages, in first form: no folders, quotas or expiry. A message's body is kept once
/// for all its recipients of one delivery. Composes batches that the caller commits through the group
/// committer of this database, as queue::Queue does. open() reads all mailbox names; no call keeps a lock
/// after it returns. Thread-safe.
class Store {
 public:
  /// Fails with Fault::permanent on a database that a newer program wrote. O(mailboxes).
  static Result<std::unique_ptr<Store>> open(Kv& kv, Blob& blob);
  ~Store();

  struct Target {
    std::string mailbox;    ///< mailbox_name(); made when there is none
    std::string recipient;  ///< the address in the queue entry: with the queue id it names this delivery
    std::string prefix;     ///< header lines of this recipient alone, CRLF ended: "Return-Path: <a@b>\r\n..."
  };
  struct Message {
    record::QueueId queue_id;
    Time received{};  ///< INTERNALDATE
    mail::Address sender;
    std::uint64_t size = 0;  ///< octets of the body, without prefixes
    std::uint64_t header_size = 0;
    /// A finished blob of this store's Blob, under a name that no other delivery has; empty: the body is
    /// handed in.
    std::string blob;
  };

  /// UIDs given out by deliver(). While it lives, readers see no message of these mailboxes from its UIDs on,
  /// so that messages never appear behind ones already seen: keep it until the commit is answered, not
  /// longer.
  class Delivery {
   public:
    Delivery(Delivery&& other) noexcept;
    Delivery& operator=(Delivery&& other) noexcept;
    ~Delivery();
    /// In the order of the targets; 0: this recipient had the message already, nothing was added.
    const std::vector<Uid>& uids() const { return uids_; }
    /// The commit succeeded.
    void committed();

   private:
    friend class Store;
    explicit Delivery(Store* store) : store_(store) {}
    void release();
    Store* store_;
    std::vector<Uid> uids_;
    std::vector<std::pair<std::uint32_t, Uid>> held_;  // mailbox id and UID
  };
  /// Adds a message to the mailboxes of `targets` (at least one). Delivering the same message to the same
  /// recipient again adds nothing, so that a crash between this commit and the queue's gives no second copy.
  /// If all had it, the batch stays as it was and message.blob, if any, is the caller's to remove. Reads one
  /// key a target.
  Result<Delivery> deliver(Kv::Batch& batch, const std::vector<Target>& targets, const Message& message,
                           std::string body);

  struct Mailbox {
    std::string name;
    std::uint32_t id = 0;
    std::uint32_t uid_validity = 0;
    Uid next_uid = 1;  ///< UIDs below were or will be given
  };
  /// By name.
  Result<std::vector<Mailbox>> list_mailboxes() const;
  /// Fault::not_found when there is none.
  Result<Mailbox> find_mailbox(std::string_view name) const;

  struct Summary {
    std::uint64_t messages = 0, octets = 0, unseen = 0;
    std::uint64_t damaged = 0;  ///< of the messages: can't be read, not counted in octets and unseen
  };
  /// Reads the whole index of the mailbox: O(messages).
  Result<Summary> summary(std::string_view mailbox) const;

  struct Item {
    Uid uid = 0;
    record::MessageRecord message;
    std::uint64_t size() const { return message.prefix.size() + message.body_size; }
  };
  struct Damaged {
    Uid uid;
    Error error;
  };
  struct Listing {
    std::vector<Item> items;
    std::vector<Damaged> damaged;  ///< can't be read; the listing goes on past them
    std::optional<Uid> next;       ///< where to go on; empty: that was all
  };
  /// Messages in order of UID, at most `limit`, from `from` on. Fault::not_found without such a mailbox.
  Result<Listing> scan(std::string_view mailbox, Uid from, std::size_t limit) const;
  Result<Item> find(std::string_view mailbox, Uid uid) const;
  /// At most `length` octets of the whole message (prefix, then body) from `offset`. A body in the Kv is read
  /// whole for each call.
  Result<std::string> read(const Item& item, std::uint64_t offset, std::size_t length) const;

  /// Commit fails with Fault::not_found when the message changed meanwhile: read again.
  Result<void> set_flags(Kv::Batch& batch, std::string_view mailbox, Uid uid, Flags flags);
  /// Removes a message, and its body when it was the last that used it. `unused_blob`: remove it after the
  /// commit. Commit fails with Fault::not_found as above.
  Result<void> expunge(Kv::Batch& batch, std::string_view mailbox, Uid uid, std::string& unused_blob);
  struct Expunged {
    std::size_t messages = 0;               ///< that were there still
    std::vector<std::string> unused_blobs;  ///< remove them after the commit
  };
  /// The same for many messages, which differ: all or none. Those that are gone already are left out; when
  /// all are, the batch stays as it was. Reads a key a message.
  Result<Expunged> expunge_all(Kv::Batch& batch, std::string_view mailbox, std::span<const Uid> uids);

  /// Names of blobs that no message refers to. Only right before the first deliver(). O(messages).
  Result<std::vector<std::string>> orphans() const;

 private:
  struct Box {
    std::string name;
    record::MailboxRecord record;
    bool stored = false;      // its record was committed
    std::optional<Uid> next;  // empty: not yet looked for
    std::set<Uid> held;       // given out, commit not yet answered
  };
  Store(Kv& kv, const Blob& blob) : kv_(kv), blob_(blob) {}
  Result<void> read_format();
  Result<void> read_mailboxes();
  Result<Uid> seek_next_uid(const record::MailboxRecord& mailbox) const;
  Result<std::vector<bool>> already_delivered(const std::vector<Target>& targets, record::QueueId id) const;
  Result<void> allocate(Kv::Batch& batch, const Target& target, Time now, Delivery& delivery);
  Box& box_of(std::string_view name, Time now);
  Result<Mailbox> describe(const Box& box) const;
  Result<std::pair<std::uint32_t, std::optional<Uid>>> visible(std::string_view name) const;
  Result<void> raise_floor(Kv::Batch& batch, std::string_view mailbox);
  Result<void> release_body(Kv::Batch& batch, const record::MessageRecord& message,
                            std::string& unused_blob) const;

  Kv& kv_;
  const Blob& blob_;
  mutable std::mutex mutex_;
  std::map<std::uint32_t, Box> boxes_;                         // under mutex_
  std::map<std::string, std::uint32_t, std::less<>> by_name_;  // under mutex_
  std::uint32_t last_mailbox_ = 0;                             // under mutex_
};

}  // namespace hikyaku::store
