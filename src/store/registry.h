#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/kv.h"
#include "base/result.h"
#include "base/time.h"
#include "record/mailbox_rows.h"
#include "record/message_record.h"
#include "store/change.h"

namespace hikyaku::store {

/// What the parts of a Store share in memory: the names of the mailboxes, the next UID and MODSEQ of each,
/// which of these are given out with the commit not yet answered, and what accounts use. No call keeps a lock
/// after it returns. Thread-safe.
class Registry {
 public:
  /// `here`: Store::open() has it; called under the lock, so it must not block.
  using Here = std::function<bool(std::string_view account)>;
  explicit Registry(const Kv& kv, Here here = {}) : kv_(kv), here_(std::move(here)) {}
  /// Reads all names. Fails with Fault::permanent on a database that a newer program wrote. O(mailboxes).
  Result<void> read();

  /// The database was written by a program of before format 3: it has no rows of usage of each mailbox yet.
  bool of_older_format() const {
    const std::scoped_lock lock(mutex_);
    return older_format_;
  }

  /// A mailbox of which at least one commit succeeded.
  struct Mailbox {
    std::string name;
    record::MailboxRecord record;  ///< its floors are those of open()
    std::optional<Uid> next_uid;   ///< empty: not yet looked for
    std::optional<ModSeq> next_modseq;
    std::optional<Uid> first_held_uid;        ///< readers stop before it
    std::optional<ModSeq> first_held_modseq;  ///< and show no HIGHESTMODSEQ from it on
  };
  /// Fault::not_found when there is none. Also of a name that is not selectable. Fault::temporary: its
  /// account is in another database.
  Result<Mailbox> find(std::string_view name) const;
  /// By name.
  std::vector<Mailbox> all() const;
  /// Its name; nullopt: there is none any more.
  std::optional<std::string> name_of(std::uint32_t mailbox) const;
  /// The MODSEQ from which on changes of the mailbox may not be answered yet. Only ever grows.
  Result<ModSeq> first_open_modseq(std::uint32_t mailbox) const;

  enum class Missing : unsigned char { refuse, make };
  struct Given {
    std::uint32_t mailbox = 0;
    std::uint32_t uid_validity = 0;
    Uid first_uid = 0;
    ModSeq modseq = 0;
  };
  /// Gives `uids` (or none) UIDs that follow each other and one MODSEQ to a change. With Missing::make it
  /// makes the mailbox when there is none: its row goes into each batch until one is known to be committed,
  /// the same each time. Fault::not_found: there is none, or it is not selectable; Fault::temporary: it is
  /// being removed or renamed; Fault::permanent: its UIDs are used up.
  Result<Given> give(Kv::Batch& batch, std::string_view name, Time now, Missing missing, std::uint32_t uids,
                     Change& change);
  /// "format": goes into each batch until one is known to be committed.
  void put_format(Kv::Batch& batch, Change& change);

  /// `end` runs under the registry's lock when the change is answered or dropped.
  static void at_end(Change& change, std::function<void(bool committed)> end) {
    change.at_end_.push_back(std::move(end));
  }
  void set_default_quota(const record::Quota& quota) {
    const std::scoped_lock lock(mutex_);
    default_quota_ = quota;
  }
  /// Adds what a change of the mailbox adds to the usage of its account.
  void add_usage(Kv::Batch& batch, std::string_view mailbox, const Given& given, const record::Usage& added,
                 Change& change);

  // ---- Accounts that come from another database or go to one (account_move.h)

  /// What the text of a refusal of check_open() has in it.
  static constexpr std::string_view kMoved = "moved to another database";
  bool is_here(std::string_view account) const { return !here_ || here_(account); }
  /// Fault::temporary: the account is closed, or in another database.
  Result<void> check_open(std::string_view account) const;
  /// Notes that `change` changes the account; the same fault. give() does it by itself.
  Result<void> begin(std::string_view account, Change& change);
  /// From here on no change of the account begins; `whom` may be "@domain", for all accounts of it.
  void close(const std::string& whom);
  void reopen(const std::string& whom);
  /// Waits until the changes of whom was closed that had begun are answered. False: some are not after that
  /// time.
  bool wait_quiet(const std::string& whom, std::chrono::milliseconds at_most);
  /// Numbers for so many mailboxes that come: the first of them.
  std::uint32_t new_ids(std::uint32_t count);
  /// As they are to be stored before mailboxes go.
  record::MailboxFloors floors() const;
  /// Takes the mailboxes of a closed account in that are in the database.
  Result<void> adopt(std::string_view account);
  /// Forgets the mailboxes of a closed account.
  void forget(std::string_view account);

  // The UID and MODSEQ after the last given ones, by halving: the port reads forwards only.
  Result<Uid> seek_next_uid(const record::MailboxRecord& mailbox) const;
  Result<ModSeq> seek_next_modseq(const record::MailboxRecord& mailbox) const;

 private:
  friend class Change;
  friend class Structure;
  friend class Quotas;
  struct Box {
    std::string name;
    record::MailboxRecord record;
    bool stored = false;  // its row was committed
    bool busy = false;    // it is being removed
    std::optional<Uid> next_uid;
    std::optional<ModSeq> next_modseq;
    std::set<Uid> held_uids;
    std::set<ModSeq> held_modseqs;
  };
  struct Account {
    std::optional<record::Quota> quota;  // its own; with 0 for what has no limit
    bool quota_read = false;
    std::optional<record::Usage> usage;  // empty: not yet read
    record::Usage in_flight;             // what commits that are not answered add
    std::uint32_t changes = 0;           // since its rows were folded
  };
  Mailbox seen(const Box& box) const;
  // Under the lock:
  Result<void> open_for(std::string_view account) const;
  Result<void> begin_locked(std::string_view account, Change& change);
  void take_in(const std::string& name, const record::MailboxRecord& record);
  Result<Box*> box_for(std::string_view name, Time now, Missing missing);
  Box& make_box(std::string_view name, Time now);
  Result<Box*> load(std::unique_lock<std::mutex>& lock, Box* box);
  Result<void> read_format();
  Result<void> read_mailboxes();

  const Kv& kv_;
  const Here here_;
  mutable std::mutex mutex_;  // of all that follows
  std::condition_variable answered_;
  std::set<std::string, std::less<>> closed_;                   // accounts, and "@domain"
  std::map<std::string, std::uint32_t, std::less<>> changing_;  // accounts: changes that are not answered
  std::map<std::uint32_t, Box> boxes_;
  std::map<std::string, std::uint32_t, std::less<>> by_name_;
  std::set<std::string, std::less<>> reserved_;  // names that a rename is about to give
  std::map<std::string, Account, std::less<>> accounts_;
  record::Quota default_quota_;
  std::uint32_t last_mailbox_ = 0;
  std::uint32_t last_uid_validity_ = 0;
  bool format_stored_ = false;
  bool older_format_ = false;  // until the format is stored
};

/// Hands each row of kMailbox of an account to `each`, also of one that is not here.
Result<void> each_mailbox_row(
    const Kv& kv, std::string_view account,
    const std::function<Result<void>(const std::string&, const std::string&)>& each);
/// 0: nothing was written yet. Fault::permanent: a newer program wrote it.
Result<std::uint64_t> format_of(const Kv& kv);
/// 1: mailboxes and messages. 2: their records of version 2, and the spaces from kChange on. 3: rows of usage
/// of each mailbox, with its unseen messages, and those of kFile.
constexpr std::uint64_t kFormat = 3;

/// Fault::not_found, with the name.
std::unexpected<Error> no_mailbox(std::string_view name);
std::unexpected<Error> no_message(std::string_view mailbox, Uid uid);
std::unexpected<Error> unreadable(const std::string& what);

}  // namespace hikyaku::store
