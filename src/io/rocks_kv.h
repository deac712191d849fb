#pragma once
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/kv.h"
#include "base/kv_space.h"
#include "base/time.h"

namespace rocksdb {
class DB;
class FileSystem;
}  // namespace rocksdb

namespace hikyaku::io {

/// A Kv in RocksDB. Its directory holds `header` (ours: state and the list of logs, two checksummed copies),
/// `db/` (RocksDB's) and, after damage, `quarantine/TIME/`.
///
/// open() never lets the engine at logs that it has not verified itself: a torn end of the last log, normal
/// after a crash, is cut (the original copied to quarantine first); anything else is refused with the file,
/// the offset and the reason, and nothing is changed.
class RocksKv : public Kv {
 public:
  enum class Access : unsigned char {
    read_write,
    /// Changes nothing. Sees the database as it was at open(). Beside a process that writes, what is asked
    /// for may be gone by then: a failed read is worth another open().
    read_only,
  };
  struct Options {
    std::filesystem::path directory;
    /// Found by their names; those that are missing are made, or, for reading only, are empty.
    std::vector<KvSpace> spaces;
    Access access = Access::read_write;
    /// About what the database may hold in memory: half for writing a write_once space.
    std::size_t memory = std::size_t{128} << 20;
    /// For tests: stands between the database and the disk.
    std::function<std::shared_ptr<rocksdb::FileSystem>(std::shared_ptr<rocksdb::FileSystem>)> wrap_files;
    Time now{};  ///< names the quarantine folder
    /// How long logs stay in `db/archive` that are not needed any more, so that a backup can be brought
    /// forward to any moment; 0: they are removed.
    std::chrono::seconds log_lifetime{0};
    /// read_only alone: what the tables hold, as if there were no logs; these are not even looked at.
    bool tables_only = false;
  };
  /// What open() had to do, one sentence each; for the log.
  using Notes = std::vector<std::string>;

  /// Makes the database when the directory is empty or absent (read_write only). Fault::temporary: another
  /// process has it open. Fault::corrupt: a log is damaged or missing. Fault::permanent: anything else.
  static Result<std::unique_ptr<RocksKv>> open(const Options& options, Notes& notes);
  /// Closes and marks the shutdown as clean.
  ~RocksKv() override;

  Result<std::optional<std::string>> get(Space space, std::string_view key) const override;
  Result<std::vector<std::optional<std::string>>> multi_get(
      Space space, const std::vector<std::string>& keys) const override;
  Result<std::vector<Row>> scan(Space space, std::string_view from, std::string_view to,
                                std::size_t limit) const override;
  Result<std::vector<KeySize>> scan_sizes(Space space, std::string_view from, std::string_view to,
                                          std::size_t limit) const override;
  /// An empty batch with Durability::synced makes all before it durable. When the disk was full and has room
  /// again, the next commit works.
  Result<void> commit(Batch batch, Durability durability) override;

  /// Puts all that only logs hold into tables, in which it is safe from a lost log. Blocks.
  Result<void> flush();

  /// A file of tables, or of large values, and the checksum that the engine keeps of it.
  struct TableFile {
    std::filesystem::path path;
    std::string space;
    std::uint64_t octets = 0;
    std::string checksum;  ///< empty: none is kept
    bool table = false;    ///< else of large values
  };
  std::vector<TableFile> table_files() const;

  /// Writes all tables and large values anew without what was removed or replaced, one space after the other,
  /// while others read and write. Needs room on the disk for the largest space once more. Blocks. `progress`,
  /// in octets as they were before, may be empty.
  Result<void> compact(const std::function<void(std::uint64_t done, std::uint64_t all)>& progress);

  /// Options::directory.
  std::filesystem::path directory() const;
  /// Random; tells databases apart.
  std::uint64_t signature() const;
  /// For `store status`: a backup was finished.
  Result<void> note_backup(bool full, Time when);

  /// For backups and their restoring, in this folder. What is written past commit() is synced by the next
  /// one.
  rocksdb::DB& engine() const;

  /// False after a failed sync: no commit will succeed any more; the process should end and start again.
  bool usable() const;

 private:
  struct State;
  explicit RocksKv(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hikyaku::io
