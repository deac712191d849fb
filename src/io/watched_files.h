#pragma once
#include <rocksdb/file_system.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "io/database_header.h"

namespace hikyaku::io {

/// Stands between RocksDB and its files: keeps the lists of logs and of manifests in the database's header,
/// and notices a failed sync of a log. A log enters the list, synced, after its file is made and before
/// anything is written to it, and once more with the checksum of its first record before that is written; it
/// leaves the list before its file is removed or put into the archive. So at any moment the listed logs are
/// the needed ones. A manifest is noted, synced, after each sync of its own; the one that is in use alone is
/// kept once CURRENT names it.
class WatchedFiles : public rocksdb::FileSystemWrapper {
 public:
  WatchedFiles(std::shared_ptr<rocksdb::FileSystem> files, HeaderFile& header)
      : FileSystemWrapper(std::move(files)), header_(header), written_(header.acknowledged()) {}
  const char* Name() const override { return "hikyaku"; }

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;

  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override;

  /// A log's sync failed: what reached the disk is not known.
  bool sync_failed() const { return sync_failed_.load(std::memory_order_acquire); }
  void note_failed_sync() { sync_failed_.store(true, std::memory_order_release); }
  /// Keeps only the newest log in the list: all that older ones hold is in tables.
  Result<void> forget_older_logs();
  Result<void> set_state(DatabaseHeader::State state);
  Result<void> note_backup(bool full, Time when);
  /// The first octets of a log are about to be written.
  Result<void> note_first_record(std::uint64_t log, std::string_view octets);
  /// So much of a manifest is synced.
  Result<void> note_manifest(const CataloguedManifest& manifest);
  /// The engine's file IDENTITY, so that another database's header is known as such.
  Result<void> note_identity(std::uint32_t sum);
  /// The engine is open, and this is its last change: the newest log, made before that was known, comes
  /// after.
  Result<void> begin_at(std::uint64_t sequence);
  /// Changes up to this sequence number are written: none of them will be in a log that is made later.
  void note_written(std::uint64_t sequence) { written_.store(sequence, std::memory_order_release); }
  /// Changes up to this sequence number are synced.
  void note_acknowledged(std::uint64_t sequence);

 private:
  Result<void> take_off(std::uint64_t log);
  rocksdb::IOStatus sync_directory_of(const std::string& name, const rocksdb::IOOptions& options,
                                      rocksdb::IODebugContext* debug);
  rocksdb::IOStatus note_current(const std::string& name);
  std::mutex mutex_;
  HeaderFile& header_;  // under mutex_
  std::atomic<std::uint64_t> written_;
  std::atomic<bool> sync_failed_{false};
};

}  // namespace hikyaku::io
