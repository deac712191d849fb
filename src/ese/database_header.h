#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ese/common_fields.h"

namespace hikyaku::ese {

/// How a database was left.
enum class DatabaseState : std::uint32_t {
  just_created = 1,
  dirty_shutdown = 2,
  clean_shutdown = 3,
  being_converted = 4,
  force_detach = 5,
  incremental_reseed = 6,
  dirty_and_patched = 7,
  revert_in_progress = 8,
};
/// "Clean Shutdown", as eseutil calls it; "unknown (17)" for others.
std::string text(DatabaseState state);

/// The log generations from `low` to `high`, both included; none when either is 0.
struct GenerationRange {
  std::int64_t low = 0, high = 0;
  bool empty() const { return low <= 0 || high < low; }
  bool contains(std::int64_t generation) const { return !empty() && low <= generation && generation <= high; }
};

/// How often something was found since the database was made or defragmented, and before that.
struct EventCount {
  std::uint32_t count = 0;
  LogTime last;
  std::uint32_t before_defragmentation = 0;
};

/// The header of a database: what `eseutil /mh` shows. All fields as stored.
struct DatabaseHeader {
  std::uint32_t checksum = 0;
  FileType type = FileType::unknown;
  std::uint32_t version = 0, update_major = 0, update_minor = 0;
  std::uint32_t created_version = 0, created_update = 0;
  std::uint32_t maximum_feature_version = 0;
  Signature signature;
  std::uint32_t page_size = 0;  ///< octets
  std::uint64_t dbtime = 0;     ///< the count of changes
  DatabaseState state{};
  std::int32_t required_low = 0, required_high = 0;  ///< log generations; see required()
  std::int32_t committed_high = 0;
  std::int32_t recovering = 0, minimum_consistent = 0;
  LogTime highest_log_created, highest_required_log_created;
  bool shadowed = true;
  std::uint32_t last_object = 0;
  std::uint64_t scrub_dbtime = 0;
  LogTime scrub_time;
  EventCount repairs;
  LogPosition consistent, attach, detach, reattach, last_resize;
  LogTime consistent_time, attach_time, detach_time, reattach_time;
  std::uint32_t database_id = 0;
  Signature log_signature;
  std::array<std::uint32_t, 4> windows_version{};  ///< major, minor, build, service pack
  BackupInfo previous_full, previous_incremental, previous_copy, previous_differential;
  BackupInfo current_full, current_snapshot;
  std::array<std::uint32_t, 3> upgrade_pages{};
  EventCount corrected_pages, uncorrectable_pages, bad_checksums, reseeds, patched_pages;
  LogTime scan_finished, scan_started;  ///< of the last whole and of the current maintenance of the database
  std::uint32_t scan_page = 0;
  Signature header_flush, flush_map_flush;
  std::uint32_t reverts = 0;

  /// The generations without which it can't be brought to a consistent state.
  GenerationRange required() const { return {required_low, required_high}; }
  /// Those behind required() that hold transactions which were acknowledged: lost when they are not replayed.
  GenerationRange committed_beyond_required() const;

  /// Reads one copy, with its checksum not looked at.
  static DatabaseHeader parse(std::string_view copy);
};

/// One of the two copies of a header.
struct HeaderCopy {
  std::uint64_t offset = 0;
  bool intact = false;
  std::uint32_t stored = 0, computed = 0;  ///< checksums
};

/// The header of a database file, from the first copy that is intact.
struct DatabaseHeaders {
  DatabaseHeader header;
  HeaderCopy primary;
  std::optional<HeaderCopy> shadow;  ///< nothing when the file ends before it
  bool from_shadow = false;          ///< the primary copy is damaged

  /// Octets from the beginning of the file that parse() wants, unless the file is shorter.
  static constexpr std::size_t kBytes = 2 * std::size_t{32768};
  /// `name` is what errors call the file. Fails with Fault::corrupt, and the offset and what was expected
  /// there, when no copy is intact or when it is another sort of file: then with the command that is for it.
  static Result<DatabaseHeaders> parse(std::string_view beginning, std::string_view name);
};

/// What sort of ESE file begins so, by its header's checksum and type; unknown for other files.
FileType file_type(std::string_view beginning);

}  // namespace hikyaku::ese
