#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "io/backed_files.h"
#include "io/file_blob.h"
#include "io/log_check.h"
#include "io/rocks_kv.h"

namespace rocksdb {
class BackupEngine;
}

namespace hikyaku::io {

/// A backup in a set. Each can be restored alone.
struct Backup {
  std::uint32_t number = 0;  ///< in its set, from 1 on
  Time begun{};              ///< holds all that was acknowledged before
  std::uint64_t signature = 0;
  std::uint64_t octets = 0;  ///< of all its files, those that it shares with others too
  std::uint64_t files = 0;
  /// Why it can't be restored, as far as its list and the engine's own part tell; empty: they are whole. The
  /// time and the signature may be missing then.
  std::string fault;
};

/// What verifying a backup found to be wrong.
struct BackupFault {
  std::uint32_t number = 0;
  std::string reason;  ///< names the file
};

/// Backups of one database in one folder, which share what did not change: the first is full, those after it
/// are incremental. Tables and logs are kept by the engine's own backups (`private`, `shared_checksum`,
/// `meta`), the large bodies as files in `bodies`, and a backup is complete with its `lists/NUMBER`: all of
/// these files with their sizes and checksums, and its own. Everything is synced. Not thread-safe.
class BackupSet {
 public:
  /// Makes the folder. Fault::temporary: another process is at it.
  static Result<BackupSet> open(const std::filesystem::path& folder);
  /// Changes nothing. Fault::not_found: there is no set.
  static Result<BackupSet> open_read_only(const std::filesystem::path& folder);
  BackupSet(BackupSet&&) noexcept;
  ~BackupSet();

  /// Those that were finished, oldest first, damaged ones too.
  Result<std::vector<Backup>> list() const;

  /// Adds a backup of a database that is in use, and reads what was written once more. Removal of bodies
  /// waits meanwhile. A backup that was cut short is done away with by the next one. Fault::corrupt: one in
  /// the set is damaged, which this one would share files with. `progress` may be empty.
  Result<Backup> add(RocksKv& kv, FileBlob& bodies, Time now, const Progress& progress);

  /// Reads every octet of all backups and compares with the checksums. Goes on past each damage.
  Result<std::vector<BackupFault>> verify(const Progress& progress) const;

  /// Writes a backup to `database`, which must not be there: `header`, `db` and `blobs`, verified against the
  /// checksums and synced. Its signature is a new one: what happens to it from now on is another history.
  /// Until it is done it stands in `database`.unfinished.
  Result<void> restore(std::uint32_t number, const std::filesystem::path& database,
                       const Progress& progress) const;

 private:
  struct State;
  explicit BackupSet(std::unique_ptr<State> state);
  Result<Backup> list_one(std::uint32_t number, FileList& files) const;
  std::unique_ptr<State> state_;
};

}  // namespace hikyaku::io
