#pragma once
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "io/backup_set.h"
#include "serve/database_mount.h"

namespace hikyaku::serve {

/// A backup of a mailbox database in a folder of backups: sets in folders "full-TIME", each a full one and
/// the incremental ones after it.
struct FoundBackup {
  std::filesystem::path set;
  bool full = false;
  io::Backup backup;
  std::string why_full;  ///< of one that was just made and begins a set
};
/// As commands print it with --json.
nlohmann::json backup_row(const FoundBackup& found);

/// Oldest first. Fault::not_found: there is no such folder.
Result<std::vector<FoundBackup>> list_backups(const std::filesystem::path& folder);

/// Backs a database up that is open: an incremental one into the newest set when that is of this database and
/// whole, else, and when `full`, a full one into a new set, and says why. Blocks.
Result<FoundBackup> back_up(io::RocksKv& kv, io::FileBlob& bodies, const std::filesystem::path& folder,
                            bool full, Time now, const io::Progress& progress);

struct BackupsVerified {
  std::size_t backups = 0;
  struct Fault {
    std::filesystem::path set;
    io::BackupFault fault;
  };
  std::vector<Fault> faults;
};
/// Reads every octet of all backups in a folder.
Result<BackupsVerified> verify_backups(const std::filesystem::path& folder, const io::Progress& progress);

struct Restored {
  FoundBackup backup;
  std::uint64_t changes = 0;  ///< taken in from the logs on top of it
  Time until{};               ///< when the last of these was written; 0: none was
  std::string stopped;        ///< why the logs could not be followed to the wanted moment; empty: they were
  /// Where the database that was there is now; empty: none was.
  std::filesystem::path put_aside;
  std::vector<std::string> notes;
};
/// Puts the database at `place` back to the newest whole backup that was begun at or before `at` (the newest
/// of all without), and forward to that moment (to the end) by the logs of the database that is there now,
/// when it is the one that was backed up. That one is put aside whole, never removed. UIDs and MODSEQs that
/// it may have given since are not given again. Fault::temporary: it is open. On failure nothing was changed.
/// Blocks.
Result<Restored> restore_backup(const DatabasePlace& place, const std::filesystem::path& folder,
                                std::optional<Time> at, Time now, const io::Progress& progress);

}  // namespace hikyaku::serve
