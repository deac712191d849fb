#pragma once
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/time.h"
#include "serve/databases.h"
#include "serve/services.h"

namespace hikyaku::serve {

/// What the mailbox databases that are mounted need from time to time: rows of usage are added up, removed
/// mail that is past hikyaku_removed_mail_lifetime goes for good, and so does what moves that were cut short
/// have left, in small steps beside the mail. For one thread.
class MailboxUpkeep {
 public:
  explicit MailboxUpkeep(Services& services) : services_(services) {}
  /// To be called about once a minute; blocks: for the pool. Ends early when the hub stops.
  void run(Time now);

 private:
  void work(const std::string& name, Time now);
  void fold_account(const std::string& account);
  void fold_all();
  /// False: not all of it.
  bool purge(Time before);

  Services& services_;
  std::shared_ptr<StoreDatabase> database_;               // during work()
  std::map<std::string, std::optional<Time>> last_full_;  // of each database
};

}  // namespace hikyaku::serve
