#pragma once
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace hikyaku::ese {

/// Where a record stands in the logs: generation, then sector, then octet. ESE's LGPOS, 8 octets.
struct LogPosition {
  std::int32_t generation = 0;
  std::uint16_t sector = 0;
  std::uint16_t octet = 0;

  /// Reads what stands at `offset`; zeros behind the end of `bytes`.
  static LogPosition parse(std::string_view bytes, std::size_t offset);
  /// "(0x5,9,E5C)", as eseutil prints it.
  std::string text() const;
  auto operator<=>(const LogPosition&) const = default;
};

/// A moment as ESE stores it, 8 octets: to the millisecond, of the server's zone unless `utc`. Any of the
/// fields may be out of range when the file is damaged. All zero: never.
struct LogTime {
  unsigned year = 1900;
  unsigned month = 0, day = 0, hour = 0, minute = 0, second = 0, millisecond = 0;
  bool utc = false;

  static LogTime parse(std::string_view bytes, std::size_t offset);
  bool never() const { return month == 0 && day == 0; }
  /// "11/16/2021 20:21:00.069 UTC", month first, as eseutil prints it; "00/00/1900 00:00:00" for never.
  std::string text() const;
  /// "2021-11-16T20:21:00.069Z", without the Z when the zone is the server's; empty for never.
  std::string iso_text() const;
  auto operator<=>(const LogTime&) const = default;
};

/// What tells one database, or one sequence of logs, from all others. 28 octets.
struct Signature {
  std::uint32_t random = 0;
  LogTime created;
  std::string computer;  ///< as stored; escape it before printing

  static Signature parse(std::string_view bytes, std::size_t offset);
  bool empty() const { return random == 0 && created.never(); }
  /// "Create time:... Rand:... Computer:...", escaped.
  std::string text() const;
  bool operator==(const Signature&) const = default;
};

/// One backup: until where, when, and the log generations it holds. ESE's BKINFO, 24 octets.
struct BackupInfo {
  LogPosition mark;
  LogTime time;
  std::uint32_t low_generation = 0, high_generation = 0;

  static BackupInfo parse(std::string_view bytes, std::size_t offset);
  bool empty() const { return *this == BackupInfo(); }
  bool operator==(const BackupInfo&) const = default;
};

/// The parameters of the engine that wrote a log or checkpoint. ESE's DBMS_PARAM, 567 octets.
struct EngineParameters {
  std::string system_path, log_path;  ///< as stored; escape them before printing
  bool circular_logging = false;
  std::uint32_t sessions = 0, open_tables = 0, version_pages = 0, cursors = 0, log_buffers = 0,
                log_sectors = 0, buffers = 0;

  static EngineParameters parse(std::string_view bytes, std::size_t offset);
};

/// The file type that every ESE file but the oldest says at the same offset.
enum class FileType : std::uint32_t {
  unknown = 0,
  database = 1,
  log = 3,
  checkpoint = 4,
  temporary_database = 5,
  flush_map = 7,
  snapshot = 10,
};
inline constexpr std::size_t kFileTypeOffset = 667;
/// "database", "log file", ...
std::string_view text(FileType type);

/// "0x4dacb44a", 8 digits.
std::string hex32(std::uint32_t value);
/// 16 digits.
std::string hex64(std::uint64_t value);
/// "10 (0xa)"
std::string generation_text(std::int64_t generation);

}  // namespace hikyaku::ese
