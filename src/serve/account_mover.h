#pragma once
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "serve/mailbox_databases.h"
#include "serve/mailbox_locks.h"
#include "store/account_move.h"

namespace hikyaku::serve {

/// `hikyaku store move-mailbox`, in a running hub or with the databases opened by a command. Blocks, for
/// long: where nobody waits.
class AccountMover {
 public:
  using Row = std::function<bool(const nlohmann::json&)>;
  AccountMover(MailboxDatabases& databases, MailboxLocks& sessions, const Clock& clock)
      : databases_(databases), sessions_(sessions), clock_(clock) {}

  /// {"command": "store.move", "account": "joe@example.org" or "@example.org", "database": "DB02"}: an
  /// account, or all of a domain and those to come. A row for each account, and {"done": N, "all": N}
  /// meanwhile. Gives the exit code; after an account that could not be moved, the others are.
  Result<int> answer(const nlohmann::json& request, const Row& row);

 private:
  Result<nlohmann::json> move(const std::string& account, const std::string& to, const Row& row);
  Result<nlohmann::json> move_closed(store::AccountMove& move, const std::string& account,
                                     const std::string& from, const std::string& to);
  Result<int> move_domain(const std::string& domain, const std::string& to, const Row& row);
  Result<std::vector<std::string>> assign_domain(const std::string& domain, const std::string& to);

  MailboxDatabases& databases_;
  MailboxLocks& sessions_;
  const Clock& clock_;
};

/// Cleans away what moves that were cut short left in the mounted databases. `tell`: what was done, and what
/// went wrong. Nothing while an account is moved. Blocks.
void settle_moves(MailboxDatabases& databases, const std::function<void(const std::string&)>& tell);

}  // namespace hikyaku::serve
