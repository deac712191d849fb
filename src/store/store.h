#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/blob.h"
#include "base/kv.h"
#include "base/kv_space.h"
#include "base/result.h"
#include "base/time.h"
#include "mail/address.h"
#include "record/envelope.h"
#include "record/mailbox_rows.h"
#include "record/message_record.h"
#include "record/queue_id.h"
#include "store/change.h"
#include "store/mailbox_name.h"

namespace hikyaku::store {

using record::Flags;

/// The spaces of a mailbox database, for whoever opens it. `delivery_memory`: how long a delivery is
/// recognised when it comes a second time; must outlast any crash and restart of the queue.
std::vector<KvSpace> spaces(std::chrono::seconds delivery_memory = std::chrono::days{8});

class Registry;

/// Mailboxes with their messages. A message's body is kept once for all its recipients of one delivery and
/// for all its copies. Composes batches that the caller commits through the group committer of this database,
/// as queue::Queue does. open() reads all mailbox names; no call keeps a lock after it returns. Thread-safe.
///
/// Here: delivery and reading. What else is done to messages is in messages.h, copy.h and removed.h, to
/// mailboxes in folders.h, and what accounts may and do use in usage.h.
class Store {
 public:
  /// Fails with Fault::permanent on a database that a newer program wrote. O(mailboxes).
  /// `here`: whether an account's mailboxes are in this database; empty: all are. Of the others nothing is
  /// shown and nothing is changed: Fault::temporary.
  using Here = std::function<bool(std::string_view account)>;
  static Result<std::unique_ptr<Store>> open(Kv& kv, Blob& blob, Here here = {});
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
    std::optional<record::Envelope> envelope;  ///< kept for listings
  };
  struct Outcome {
    enum class Kind : unsigned char {
      added,
      had_already,  ///< this recipient had the message: nothing was added
      over_quota,   ///< its account has no room: nothing was added
    };
    Kind kind = Kind::added;
    Uid uid = 0;  ///< of what was added
  };

  /// A change that adds a message: see Change.
  class Delivery {
   public:
    /// In the order of the targets; 0: nothing was added.
    const std::vector<Uid>& uids() const { return uids_; }
    /// In the order of the targets.
    const std::vector<Outcome>& outcomes() const { return outcomes_; }
    /// The commit succeeded.
    void committed() { change_.committed(); }

   private:
    friend class Store;
    explicit Delivery(Registry* registry) : change_(registry) {}
    Change change_;
    std::vector<Uid> uids_;
    std::vector<Outcome> outcomes_;
  };
  /// Adds a message to the mailboxes of `targets` (at least one). Delivering the same message to the same
  /// recipient again adds nothing, so that a crash between this commit and the queue's gives no second copy.
  /// If nobody gets it, the batch stays as it was. Messages that come at once may go beyond a quota together.
  /// Reads one key a target. Fault::temporary: a mailbox is being removed or renamed.
  Result<Delivery> deliver(Kv::Batch& batch, const std::vector<Target>& targets, const Message& message,
                           std::string body);

  struct Mailbox {
    std::string name;
    std::uint32_t id = 0;
    std::uint32_t uid_validity = 0;
    Uid next_uid = 1;           ///< UIDs below were or will be given
    ModSeq highest_modseq = 1;  ///< HIGHESTMODSEQ (RFC 7162 s. 3.1.2.1)
    bool selectable = true;     ///< false: only a name above others
  };
  /// By name.
  Result<std::vector<Mailbox>> list_mailboxes() const;
  /// Fault::not_found when there is none, also of one that is not selectable.
  Result<Mailbox> find_mailbox(std::string_view name) const;

  struct Counts {
    std::uint64_t messages = 0, octets = 0, unseen = 0;
    bool operator==(const Counts&) const = default;
  };
  /// Of a mailbox as it is at its HIGHESTMODSEQ, from the rows that each change adds (usage.h): O(changes
  /// since they were folded). Damaged messages count as they did when they came. Fault::temporary: it is
  /// folded all the while. Reads the whole index of a database of before format 3.
  Result<Counts> counts(std::string_view mailbox) const;

  struct Summary : Counts {
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

  /// Replaces the system flags of one message: change_flags() does more. Commit fails with Fault::not_found
  /// when the message changed meanwhile: read again.
  Result<void> set_flags(Kv::Batch& batch, std::string_view mailbox, Uid uid, Flags flags);
  /// Removes a message for good, and its body when it was the last that used it: store::expunge() does more.
  /// `unused_blob`: remove it after the commit. Commit fails with Fault::not_found as above.
  Result<void> expunge(Kv::Batch& batch, std::string_view mailbox, Uid uid, std::string& unused_blob);

  /// Names of blobs that no message refers to, also none that can be restored. Only right before the first
  /// deliver(). O(blobs) when there is nothing to tell, else O(messages).
  Result<std::vector<std::string>> orphans() const { return orphans({}); }
  /// The same, and tells of each message whose blob is missing or has another size.
  struct BadBody {
    std::string mailbox;  ///< its name; empty: it has none
    Uid uid;
    std::string text;  ///< with the file, where there is one
  };
  Result<std::vector<std::string>> orphans(const std::function<void(const BadBody&)>& bad) const;

  /// The quota of all accounts that have none of their own; for their next message.
  void set_default_quota(const record::Quota& quota);

  // For the other parts of this folder.
  Kv& kv() const { return kv_; }
  const Blob& blob() const { return blob_; }
  Registry& registry() const { return *registry_; }

 private:
  Store(Kv& kv, const Blob& blob, Here here);
  Result<std::vector<bool>> already_delivered(const std::vector<Target>& targets, record::QueueId id) const;
  Result<std::vector<Outcome>> outcomes(const std::vector<Target>& targets, const Message& message);

  Kv& kv_;
  const Blob& blob_;
  std::unique_ptr<Registry> registry_;
};

}  // namespace hikyaku::store
