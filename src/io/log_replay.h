#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "io/log_check.h"
#include "io/rocks_kv.h"

namespace hikyaku::io {

/// The logs of a database, archived ones too, by number.
Result<std::vector<std::filesystem::path>> all_logs(const std::filesystem::path& database);

struct Replayed {
  std::uint64_t changes = 0;  ///< that were taken in
  std::uint64_t last = 0;     ///< the sequence number of the last change in the database now
  Time until{};               ///< when the last of those was written; 0: none was, or not known
  bool reached = false;       ///< the wanted moment: the logs have changes of after it
  /// Why it ended before the end of the logs or the wanted moment; empty: it did not.
  std::string stopped;
};

/// Brings a restored backup forward: takes in what stands in the logs after it, whole batches in their order,
/// up to the moment `until`. It ends before the first change that is missing or damaged; a torn end is none.
/// Synced when it returns. The logs must be of the database that the backup was made of.
Result<Replayed> replay_logs(RocksKv& kv, const std::vector<std::filesystem::path>& logs,
                             std::optional<Time> until, const Progress& progress);

}  // namespace hikyaku::io
