#include "io/rocks_options.h"

#include <rocksdb/file_checksum.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>

#include "io/row_lifetime.h"

namespace hikyaku::io {
namespace {

constexpr std::size_t kSmallBlock = std::size_t{64} << 10;
constexpr std::size_t kLargeValue = 2048;  // octets from which values of a write_once space stand apart

/// Keeps the engine from going on by itself after it found no room: its thread for that gives up for good
/// when it meets a full disk once more, and then the engine takes itself to be busy with it for ever.
class WaitsForResume : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status, bool* by_itself) override {
    *by_itself = false;
  }
};

}  // namespace

rocksdb::DBOptions engine_options(const RocksKv::Options& options, rocksdb::Env* env) {
  rocksdb::DBOptions db;
  db.env = env;
  db.create_missing_column_families = true;
  db.paranoid_checks = true;
  db.verify_sst_unique_id_in_manifest = true;
  db.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kAbsoluteConsistency;
  db.avoid_flush_during_recovery = true;
  // All spaces go into tables together: were a log lost, a commit would be lost whole or not at all.
  db.atomic_flush = true;
  db.recycle_log_file_num = 0;
  db.wal_compression = rocksdb::kNoCompression;
  db.max_total_wal_size = options.memory;
  db.WAL_ttl_seconds = static_cast<std::uint64_t>(options.log_lifetime.count());
  db.db_write_buffer_size = options.memory / 4 * 3;
  db.allow_concurrent_memtable_write = false;  // one thread writes
  db.max_background_jobs = 2;
  db.max_open_files = 256;
  db.max_file_opening_threads = 4;  // made anew for each space at each start, however few its tables are
  db.bytes_per_sync = std::uint64_t{1} << 20;
  db.skip_stats_update_on_db_open = true;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.info_log_level = rocksdb::WARN_LEVEL;
  db.max_log_file_size = std::size_t{4} << 20;
  db.keep_log_file_num = 4;
  db.listeners.push_back(std::make_shared<WaitsForResume>());
  return db;
}

rocksdb::ColumnFamilyOptions space_options(const KvSpace& space, const RocksKv::Options& options,
                                           const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions family;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  // What is removed soon after should die in memory: room for some seconds of mail. Full in one space means
  // that all are written, so none may be full long before the others.
  family.write_buffer_size = options.memory / 4;
  family.max_write_buffer_number = 3;
  family.arena_block_size = space.write_once ? 0 : kSmallBlock;  // 0: the engine's own choice
  family.compression = rocksdb::kLZ4Compression;
  if (space.write_once) {
    family.compression = rocksdb::kNoCompression;
    family.enable_blob_files = true;
    family.min_blob_size = kLargeValue;
    family.enable_blob_garbage_collection = true;
  }
  if (space.lifetime.count() > 0) {
    // Keys that only grow: a table is moved down whole, and read again once, when it is past its time.
    family.compaction_filter_factory = lifetime_filter(space.lifetime);
    family.periodic_compaction_seconds = static_cast<std::uint64_t>(space.lifetime.count());
    family.level_compaction_dynamic_level_bytes = true;
  }
  return family;
}

}  // namespace hikyaku::io
