#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "io/log_check.h"
#include "serve/databases.h"

namespace hikyaku::serve {

struct SalvageWish {
  /// Logs, and folders of logs; absolute. Empty: all that is in the database's quarantine.
  std::vector<std::filesystem::path> from;
  bool dry_run = false;  ///< tells what would be done
};

struct SalvageCounts {
  std::uint64_t logs = 0, records = 0;  ///< that were read; intact ones
  std::uint64_t added = 0;              ///< messages under a new UID
  std::uint64_t bodies = 0;             ///< put back where the database has the message without its body
  std::uint64_t had = 0;                ///< the database has them, or had them and they were moved or removed
  std::uint64_t removed = 0;            ///< their owner removed them later
  std::uint64_t doubtful = 0;           ///< of damaged records, added to ACCOUNT/Salvaged
  std::uint64_t left_out = 0;           ///< could not be brought in
  std::uint64_t faults = 0;             ///< logs that hold nothing of a mailbox database
  bool operator==(const SalvageCounts&) const = default;
};

/// Brings into a mounted mailbox database, which may be in use, the mail in intact records of logs that it
/// does not have: what was in a log that is found again, and bodies of messages that stood behind a gap. They
/// go into the mailbox that they were in, under new UIDs, with their flags, keywords and dates, and with what
/// they are recognised by: a second run, or a delivery that is tried again, adds nothing, and a run that is
/// cut short may be done again. What was removed or moved later is left alone, as far as the logs or the
/// database tell. Quotas are not asked. What a damaged record still has goes into ACCOUNT/Salvaged, with a
/// header field X-Hikyaku-Salvaged in front that tells where it was, when nothing intact speaks of that
/// message and the account is sure. Each copy of a body that several had comes on its own. `row` gets what is
/// told: {"log"…} of each, {"mailbox"…} of each with what was done,
/// {"not_added"…} of at most 1000 messages that are left out. Fault::temporary: another run is under way, or
/// a message came meanwhile: do it again. Fault::not_found: there is no such file, or nothing in quarantine.
/// Needs room on the disk for what the logs have, beside the database. Blocks.
Result<SalvageCounts> salvage_logs(StoreDatabase& database, const SalvageWish& wish, const Clock& clock,
                                   Random& random, const std::function<void(const nlohmann::json&)>& row,
                                   const io::Progress& progress);
/// As commands print it with --json.
nlohmann::json salvaged_row(const SalvageCounts& counts, bool dry_run);

}  // namespace hikyaku::serve
