#pragma once
#include <chrono>
#include <memory>
#include <optional>

#include "base/time.h"
#include "serve/databases.h"
#include "serve/services.h"

namespace hikyaku::serve {

/// What the mailbox database needs from time to time: rows of usage are added up, and removed mail that is
/// past hikyaku_removed_mail_lifetime goes for good, in small steps beside the mail. For one thread.
class MailboxUpkeep {
 public:
  explicit MailboxUpkeep(Services& services) : services_(services) {}
  /// To be called about once a minute; blocks: for the pool. Ends early when the hub stops.
  void run(Time now);

 private:
  void work(Time now);
  void fold_account(const std::string& account);
  void fold_all();
  void purge(Time before);

  Services& services_;
  std::shared_ptr<StoreDatabase> database_;  // during run()
  std::optional<Time> last_full_;
};

}  // namespace hikyaku::serve
