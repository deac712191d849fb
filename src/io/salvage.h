#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "io/database_header.h"
#include "io/log_check.h"

namespace hikyaku::io {

/// A row that a log of a damaged database holds.
struct SalvagedRow {
  unsigned space = 0;  ///< of the Kv
  std::string_view key;
  std::optional<std::string_view> value;  ///< nullopt: removed
  /// From an intact record. Else from what is left of a damaged one: good for telling what may be lost, and
  /// perhaps wrong in any octet.
  bool intact = true;
  std::uint64_t sequence = 0;  ///< the number of the change; of a damaged record nobody knows
  std::uint64_t log = 0;       ///< the number of the log
};

/// A place in the logs at which changes are missing.
struct LogGap {
  std::filesystem::path file;  ///< the log with the damage, or the one that is missing
  std::uint64_t offset = 0, end = 0;
  std::string reason;
  /// The sequence number of the first change that is missing, and how many are; 0: not known.
  std::uint64_t first_change = 0, changes = 0;
};

/// Takes the logs of a database apart that can't be mounted as it is: what is intact in them is kept, also
/// behind a damage, and the originals are kept whatever happens. Holds the database's lock. Not thread-safe.
class Salvage {
 public:
  /// Locks the database and verifies its logs. Changes nothing, but that a header which is missing becomes
  /// an empty file, to be locked. Fault::temporary: it is open in another
  /// process. Fault::not_found: there is nothing to begin with.
  static Result<Salvage> open(const std::filesystem::path& database, const Progress& progress = {});
  /// The same for read() alone, also without CURRENT: really nothing is changed.
  static Result<Salvage> open_unchanged(const std::filesystem::path& database, const Progress& progress = {});

  const DatabaseHeader& header() const { return header_.header(); }
  std::uint64_t acknowledged() const { return header_.acknowledged(); }
  const std::vector<LogReport>& logs() const { return logs_; }
  /// Whether any log is damaged, or the header is lost: else there is nothing to do.
  bool needed() const;
  /// What is wrong with the header, which was made anew from what is there: a newest log that is missing is
  /// not seen then. Empty: nothing is.
  const std::string& header_fault() const { return header_fault_; }

  /// Reads all logs, from the oldest to the newest, and finds the gaps. `row` gets each row, `gap` is called
  /// where changes are missing; both may be empty.
  Result<void> read(const std::function<void(const SalvagedRow&)>& row, const std::function<void()>& gap);
  /// After read().
  const std::vector<LogGap>& gaps() const { return gaps_; }

  /// Copies the damaged logs, and a header that is lost, into `folder` under the database, writes `files`
  /// (names and contents) beside them, all synced; and only then puts in each log's place what is intact in
  /// it. After that the database opens, and says in its header that it was forced until it was. May be done
  /// again after it was cut short.
  Result<void> carry_out(const std::filesystem::path& folder,
                         const std::vector<std::pair<std::string, std::string>>& files);

 private:
  Salvage(std::filesystem::path database, HeaderFile header)
      : database_(std::move(database)), header_(std::move(header)) {}
  static Result<Salvage> open(const std::filesystem::path& database, HeaderFile::Access access,
                              const Progress& progress);
  Result<void> verify(const Progress& progress);
  Result<void> read_log(const LogReport& log, const std::function<void(const SalvagedRow&)>& row,
                        const std::function<void()>& gap);
  void begin_gap(const std::filesystem::path& file, std::uint64_t offset, std::uint64_t end,
                 std::string reason);
  void end_gap(std::uint64_t sequence);

  std::filesystem::path database_;
  HeaderFile header_;
  std::string header_fault_;
  std::vector<LogReport> logs_;
  std::vector<LogGap> gaps_;
  bool in_gap_ = false;
  std::uint64_t next_sequence_ = 0;  // 0: not known
};

}  // namespace hikyaku::io
