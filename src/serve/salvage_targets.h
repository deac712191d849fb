#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "serve/databases.h"
#include "serve/salvaged_logs.h"
#include "store/store.h"

namespace hikyaku::serve {

/// Where the messages of one mailbox of the logs go.
struct SalvageTarget {
  std::string mailbox;            ///< empty: nowhere
  std::string why;                ///< then
  bool same = false;              ///< it is that very mailbox, so that UIDs mean the same
  bool removed = false;           ///< by its owner, with all that is in it
  std::set<store::Uid> vanished;  ///< when it is the same: as far as it remembers
};

/// Finds the mailboxes of a database that logs speak of by number. Both outlive it. Not thread-safe.
class SalvageTargets {
 public:
  /// Of an account, for what must not be, or can't be, where it was.
  static constexpr std::string_view kFolder = "/Salvaged";

  /// O(mailboxes).
  static Result<SalvageTargets> read(const StoreDatabase& database, const SalvagedLogs& logs);
  /// `doubtful_account`: whose the mailbox is as a damaged record has it; believed when the database says the
  /// same. Reads what vanished from the mailbox.
  Result<SalvageTarget> of(std::uint32_t number, const std::string& doubtful_account) const;

 private:
  SalvageTargets(const StoreDatabase& database, const SalvagedLogs& logs)
      : database_(&database), logs_(&logs) {}
  Result<std::set<store::Uid>> vanished_of(std::uint32_t number) const;

  const StoreDatabase* database_;
  const SalvagedLogs* logs_;
  std::map<std::uint32_t, store::Store::Mailbox> boxes_;
  std::map<std::uint32_t, std::uint32_t> removed_boxes_;  // with UIDVALIDITY
};

}  // namespace hikyaku::serve
