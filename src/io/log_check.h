#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/database_header.h"
#include "io/log_files.h"

namespace hikyaku::io {

/// What reading one RocksDB log, without RocksDB, found.
struct LogReport {
  enum class State : std::uint8_t {
    ok,
    torn,        ///< the last record was not written to its end: normal after a crash, in the last log alone
    corrupt,     ///< damaged, and what follows or its completeness shows that it was once whole
    missing,     ///< in the catalogue, not on the disk
    foreign,     ///< a log of this name, but not the one of the catalogue: of another database
    not_needed,  ///< left over: its contents are in tables already; not looked into
  };
  std::filesystem::path file;
  std::uint64_t number = 0;  ///< of the file name
  State state = State::ok;
  std::uint64_t octets = 0;
  std::uint64_t records = 0;                            ///< intact batches from the beginning
  std::uint64_t first_sequence = 0, next_sequence = 0;  ///< of these; 0 when there is none
  std::uint64_t intact = 0;                             ///< octets up to the end of the last of these
  std::string reason;  ///< when neither ok nor not_needed: what is wrong at offset `intact`
};

/// "ok", "torn at the end", ...
std::string_view text(LogReport::State state);

/// The checksum that the first record of a log carries, of its first octets; 0 when there is no record.
std::uint32_t first_record_of(std::string_view log);

/// Whether sequence numbers may be missing: in logs that were salvaged they are.
enum class Gaps : std::uint8_t { refused, accepted };

/// Verifies the contents of one log: 32 KiB blocks of checksummed fragments, each batch's sequence number the
/// one after the batch before. Fills all but file and number. Pure; O(size).
LogReport check_log(std::string_view contents, Gaps gaps = Gaps::refused);

/// How far a check has come, in octets of all the logs' sizes together.
using Progress = std::function<void(std::uint64_t done, std::uint64_t all)>;

/// Verifies the logs of the database in `directory`, in order of their numbers; `catalogue` are those that it
/// needs, by number. Reads only. A torn log with another behind it (but for empty ones, when `acknowledged`
/// is known), a gap between the sequence numbers of two logs, and an end before `acknowledged` (0: not known)
/// are corrupt. Fails only when the directory or a file can't be read. `progress` is called after each log;
/// may be empty.
Result<std::vector<LogReport>> check_logs(const std::filesystem::path& directory,
                                          const std::vector<CataloguedLog>& catalogue,
                                          std::uint64_t acknowledged, const Progress& progress = {},
                                          Gaps gaps = Gaps::refused);

/// ok, torn and not_needed are no damage.
bool is_damage(LogReport::State state);

}  // namespace hikyaku::io
