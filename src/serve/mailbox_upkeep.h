#pragma once
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/time.h"
#include "serve/databases.h"
#include "serve/mailbox_expiry.h"
#include "serve/services.h"

namespace hikyaku::serve {

/// What the mailbox databases that are mounted need from time to time, in small steps beside the mail: rows
/// of usage are added up, mail goes by the rules of hikyaku_mailbox_expire_maps, removed mail that neither
/// hikyaku_removed_mail_lifetime nor a rule keeps goes for good, and so does what moves that were cut short
/// have left. For one thread.
class MailboxUpkeep {
 public:
  explicit MailboxUpkeep(Services& services) : services_(services) {}
  /// To be called about once a minute; does most once an hour, and at once after the start and a reload.
  /// Blocks: for the pool. Ends early when the hub stops.
  void run(Time now);

 private:
  /// What is remembered of a database as long as it stays mounted.
  struct Memory {
    Memory(std::weak_ptr<StoreDatabase> whose, MailboxExpiry made)
        : of(std::move(whose)), expiry(std::move(made)) {}
    std::weak_ptr<StoreDatabase> of;
    std::optional<Time> last_full;
    bool expiring = false;  ///< not at the end yet
    bool purging = false;
    MailboxExpiry expiry;
    std::string purge_from;  ///< what is older was looked at, and is kept by rules
    std::optional<Time> purged_all;
  };
  Memory& memory_of(const std::string& name);
  void work(Time now);
  void fold_account(const std::string& account);
  void fold_all();
  void expire(Time now);
  void purge(Time now);

  Services& services_;
  std::shared_ptr<const Running> running_;  // of the last run()
  std::map<std::string, Memory> memories_;  // by the databases' names
  // During work():
  std::shared_ptr<StoreDatabase> database_;
  Memory* memory_ = nullptr;
};

}  // namespace hikyaku::serve
