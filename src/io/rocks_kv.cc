#include "io/rocks_kv.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdarg>
#include <mutex>
#include <set>

#include "io/database_header.h"
#include "io/empty_folder.h"
#include "io/key_sizes.h"
#include "io/log_files.h"
#include "io/log_format.h"
#include "io/manifest_check.h"
#include "io/rocks_options.h"
#include "io/rocks_recovery.h"
#include "io/rocks_status.h"
#include "io/row_lifetime.h"
#include "io/table_check.h"
#include "io/watched_files.h"

namespace hikyaku::io {
namespace {

rocksdb::Slice slice(std::string_view octets) { return {octets.data(), octets.size()}; }

/// A database that an older program made has not all spaces yet: for a reader these are empty.
std::vector<rocksdb::ColumnFamilyDescriptor> spaces_on_disk(
    const rocksdb::DBOptions& options, const std::string& path,
    const std::vector<rocksdb::ColumnFamilyDescriptor>& wanted) {
  std::vector<std::string> names;
  if (!rocksdb::DB::ListColumnFamilies(options, path, &names).ok()) return wanted;  // open() tells why
  std::vector<rocksdb::ColumnFamilyDescriptor> kept;
  for (const auto& one : wanted) {
    if (std::ranges::find(names, one.name) != names.end()) kept.push_back(one);
  }
  return kept;
}

Result<std::set<std::string>> file_names(const std::filesystem::path& folder) {
  std::set<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator file(folder, error), end; !error && file != end;
       file.increment(error))
    names.insert(file->path().filename().string());
  if (!error) return names;
  return fail(error == std::errc::no_such_file_or_directory ? Fault::not_found : Fault::permanent,
              "list the files in " + folder.string() + ": " + error.message());
}

class Silence : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

}  // namespace

/// Members are destroyed from the last to the first: the engine before what it stands on.
struct RocksKv::State {
  explicit State(HeaderFile file) : header(std::move(file)) {}
  ~State() { close(); }

  Options options;
  HeaderFile header;
  std::shared_ptr<WatchedFiles> files;
  std::unique_ptr<rocksdb::Env> env;
  std::unique_ptr<EmptyFolder> no_logs;
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  std::unique_ptr<rocksdb::DB> db;

  std::mutex mutex;
  rocksdb::WriteBatch batch;  // under mutex, kept for its memory
  bool full = false;          // under mutex: the last write found no room
  std::atomic<bool> broken{false};

  std::string where() const { return options.directory.string(); }
  /// Whether values of the space carry a stamp.
  bool lives(Space space) const { return options.spaces[space].lifetime.count() > 0; }
  void strip(Space space, std::string& value) const {
    if (lives(space) && value.size() >= kStampSize) value.resize(value.size() - kStampSize);
  }
  Result<void> open_engine(bool create);
  /// Puts a null in the place of each space that is not in the database.
  void spread_families(const std::vector<rocksdb::ColumnFamilyDescriptor>& kept,
                       const std::vector<rocksdb::ColumnFamilyDescriptor>& wanted);
  Result<void> open_beside_writer();
  Result<void> flush();
  /// What a reader is told.
  std::unexpected<Error> read_failure(Error error) const;
  Result<void> leave_forced();
  Result<void> check(const Batch& batch) const;
  Result<void> room(std::size_t octets) const;
  void fill(const Batch& from);
  Result<void> written(const rocksdb::Status& status, bool synced);
  void close();
};

RocksKv::RocksKv(std::unique_ptr<State> state) : state_(std::move(state)) {}

RocksKv::~RocksKv() = default;

Result<std::unique_ptr<RocksKv>> RocksKv::open(const Options& options, Notes& notes) {
  const bool write = options.access == Access::read_write;
  std::error_code error;
  if (write) {
    std::filesystem::create_directories(options.directory, error);
    std::filesystem::permissions(options.directory, std::filesystem::perms::owner_all, error);
  }
  auto header = HeaderFile::open(options.directory / "header",
                                 write ? HeaderFile::Access::read_write : HeaderFile::Access::read_only,
                                 random_signature());
  // What the tables hold needs no header.
  if (!header && header.error().fault == Fault::corrupt && options.tables_only)
    header = HeaderFile::open_lost(options.directory / "header", HeaderFile::Access::read_only);
  if (!header) return std::unexpected(header.error());
  const bool create = header->header().state == DatabaseHeader::State::creating;
  if (create && !write)
    return fail(Fault::not_found, "the database at " + options.directory.string() + " was never finished");
  // Another process that writes has verified its logs, and their ends are moving.
  if (!header->beside_writer() && !options.tables_only) {
    auto ready = make_logs_ready(options.directory, *header, options.now, write, notes);
    if (!ready) return std::unexpected(ready.error());
  }
  const bool beside_writer = header->beside_writer();
  auto state = std::make_unique<State>(std::move(*header));
  state->options = options;
  auto opened = beside_writer ? state->open_beside_writer() : state->open_engine(create);
  if (!opened) return std::unexpected(opened.error());
  return std::unique_ptr<RocksKv>(new RocksKv(std::move(state)));
}

/// The writer may remove a log, its rows being in a table by then, after the engine here has read the list of
/// tables without that one: the rows would be missing. Nothing is, when each log of before is still there.
/// And it may replace a table or the list before the engine here has opened it, which then looks like a
/// damage.
Result<void> RocksKv::State::open_beside_writer() {
  constexpr int kTries = 20;
  for (int i = 0; i < kTries; ++i) {
    const auto before = file_names(options.directory / "db");
    if (!before) return std::unexpected(before.error());
    auto opened = open_engine(false);
    const auto after = file_names(options.directory / "db");
    if (!after) return std::unexpected(after.error());
    const bool as_before = std::ranges::all_of(*before, [&](const std::string& name) {
      return after->contains(name) || (opened && (options.tables_only || log_number(name) == 0));
    });
    if (as_before) return opened;
    if (db) {
      for (auto* family : families) db->DestroyColumnFamilyHandle(family);
    }
    families.clear();
    db.reset();
  }
  return fail(Fault::temporary,
              "read the database at " + where() + " beside its writer: its files change too fast; try again");
}

Result<void> RocksKv::State::open_engine(bool create) {
  auto below = rocksdb::FileSystem::Default();
  if (options.wrap_files) below = options.wrap_files(below);
  files = std::make_shared<WatchedFiles>(below, header);
  env = rocksdb::NewCompositeEnv(files);
  auto db_options = engine_options(options, env.get());
  db_options.create_if_missing = create;
  // In halves: the filter of a table is one block, and one of a million keys that fits into no part of the
  // cache is read and summed up again for each key that is asked for.
  constexpr int kPartBits = 1;
  const auto cache = rocksdb::NewLRUCache(options.memory / 8, kPartBits);
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors{{rocksdb::kDefaultColumnFamilyName, {}}};
  for (const auto& space : options.spaces)
    descriptors.emplace_back(space.name, space_options(space, options, cache));
  const auto path = (options.directory / "db").string();
  rocksdb::DB* opened = nullptr;
  rocksdb::Status status;
  if (options.access == Access::read_only) {
    // A torn end was seen to be nothing else, but must stay as it is.
    db_options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
    db_options.max_open_files = -1;  // what is open stays readable when a writer removes it
    db_options.info_log = std::make_shared<Silence>();  // the file would be the writer's own
    if (options.tables_only) {
      auto empty = EmptyFolder::make();
      if (!empty) return std::unexpected(empty.error());
      no_logs = std::make_unique<EmptyFolder>(std::move(*empty));
      db_options.wal_dir = no_logs->path();
    }
    const auto kept = spaces_on_disk(db_options, path, descriptors);
    status = rocksdb::DB::OpenForReadOnly(db_options, path, kept, &families, &opened);
    if (status.ok()) spread_families(kept, descriptors);
  } else {
    // Not clean any more from the first file that the engine touches.
    if (!create && header.header().state != DatabaseHeader::State::forced) {
      if (auto marked = files->set_state(DatabaseHeader::State::dirty); !marked) return marked;
    }
    status = rocksdb::DB::Open(db_options, path, descriptors, &families, &opened);
  }
  if (!status.ok()) {
    auto error = failure("open the database at " + where(), status).error();
    // The engine blames the list of tables for what is wrong with a table, and calls one that is missing by
    // the name that tables had before.
    for (auto at = error.text.find(".ldb"); at != std::string::npos; at = error.text.find(".ldb"))
      error.text.replace(at, 4, ".sst");
    if (options.access != Access::read_write &&
        unfinished_manifest(options.directory / "db", header.header())) {
      error.text +=
          "\nA crash has left it unfinished, and nothing is lost: hikyaku store mount puts it right";
    } else if (error.fault == Fault::corrupt) {
      error.text += damaged_tables(options.directory) +
                    "\nRestore the database from a backup; or have what is left put into a new one, with: "
                    "hikyaku store repair";
    }
    return std::unexpected(std::move(error));
  }
  db.reset(opened);
  if (options.access == Access::read_write) {
    if (auto noted = files->note_identity(identity_sum(options.directory / "db")); !noted) return noted;
    if (auto begun = files->begin_at(db->GetLatestSequenceNumber()); !begun) return begun;
    if (header.header().state == DatabaseHeader::State::forced) return leave_forced();
  }
  return create ? files->set_state(DatabaseHeader::State::dirty) : Result<void>{};
}

std::unexpected<Error> RocksKv::State::read_failure(Error error) const {
  error.text = "read the database at " + where() + ": " + error.text;
  // Of a table that it opens only now, the engine tells what is wrong, and not always in which.
  if (error.fault == Fault::corrupt && error.text.find(".sst") == std::string::npos)
    error.text += damaged_table_ends(where());
  return std::unexpected(std::move(error));
}

Result<void> RocksKv::flush() { return state_->flush(); }

Result<void> RocksKv::State::flush() {
  if (const auto status = db->Flush({}, families); !status.ok())
    return failure("put the logs of " + where() + " into tables", status);
  return {};
}

/// The logs have gaps that would be taken for a damage the next time: what they hold goes into tables.
Result<void> RocksKv::State::leave_forced() {
  if (auto flushed = flush(); !flushed) return flushed;
  return files->set_state(DatabaseHeader::State::dirty);
}

void RocksKv::State::spread_families(const std::vector<rocksdb::ColumnFamilyDescriptor>& kept,
                                     const std::vector<rocksdb::ColumnFamilyDescriptor>& wanted) {
  auto opened = std::exchange(families, {});
  auto next = opened.begin();
  for (const auto& one : wanted) {
    const bool there =
        std::ranges::find(kept, one.name, &rocksdb::ColumnFamilyDescriptor::name) != kept.end();
    families.push_back(there ? *next++ : nullptr);
  }
}

void RocksKv::State::close() {
  if (!db) return;
  const bool write = options.access == Access::read_write;
  bool whole = write && !broken;
  if (whole) whole = db->Flush({}, families).ok();
  if (whole) files->note_acknowledged(db->GetLatestSequenceNumber());
  for (auto* family : families) db->DestroyColumnFamilyHandle(family);
  whole = db->Close().ok() && whole;
  db.reset();
  // When this fails it stays dirty, and the next open() verifies what it would have verified anyway.
  if (whole) (void)files->set_state(DatabaseHeader::State::clean);
}

bool RocksKv::usable() const { return !state_->broken; }

rocksdb::DB& RocksKv::engine() const { return *state_->db; }

std::filesystem::path RocksKv::directory() const {
  return std::filesystem::path(engine().GetName()).parent_path();
}

std::uint64_t RocksKv::signature() const { return state_->header.header().signature; }

Result<void> RocksKv::note_backup(bool full, Time when) { return state_->files->note_backup(full, when); }

Result<std::optional<std::string>> RocksKv::get(Space space, std::string_view key) const {
  std::string value;
  auto* const family = state_->families[space + 1];
  if (family == nullptr) return std::optional<std::string>{};
  const auto status = state_->db->Get({}, family, slice(key), &value);
  if (status.IsNotFound()) return std::optional<std::string>{};
  if (!status.ok()) return state_->read_failure(error_of(status));
  state_->strip(space, value);
  return std::optional(std::move(value));
}

Result<std::vector<std::optional<std::string>>> RocksKv::multi_get(
    Space space, const std::vector<std::string>& keys) const {
  if (state_->families[space + 1] == nullptr) return std::vector<std::optional<std::string>>(keys.size());
  std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  state_->db->MultiGet({}, state_->families[space + 1], keys.size(), slices.data(), values.data(),
                       statuses.data());
  std::vector<std::optional<std::string>> all(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (statuses[i].ok()) {
      all[i] = values[i].ToString();
      state_->strip(space, *all[i]);
    } else if (!statuses[i].IsNotFound()) {
      return state_->read_failure(error_of(statuses[i]));
    }
  }
  return all;
}

Result<std::vector<Kv::Row>> RocksKv::scan(Space space, std::string_view from, std::string_view to,
                                           std::size_t limit) const {
  std::vector<Row> rows;
  if (limit == 0 || state_->families[space + 1] == nullptr) return rows;
  rocksdb::ReadOptions how;
  const auto end = slice(to);
  if (!to.empty()) how.iterate_upper_bound = &end;
  const std::unique_ptr<rocksdb::Iterator> at(state_->db->NewIterator(how, state_->families[space + 1]));
  for (at->Seek(slice(from)); at->Valid(); at->Next()) {
    rows.emplace_back(at->key().ToString(), at->value().ToString());
    state_->strip(space, rows.back().second);
    if (rows.size() == limit) break;
  }
  if (!at->status().ok()) return state_->read_failure(error_of(at->status()));
  return rows;
}

Result<std::vector<Kv::KeySize>> RocksKv::scan_sizes(Space space, std::string_view from, std::string_view to,
                                                     std::size_t limit) const {
  auto* const family = state_->families[space + 1];
  if (limit == 0 || family == nullptr) return std::vector<KeySize>{};
  auto sizes = key_sizes(*state_->db, *family, from, to, limit);
  if (!sizes) return state_->read_failure(std::move(sizes.error()));
  for (auto& [key, octets] : *sizes) {
    if (state_->lives(space) && octets >= kStampSize) octets -= kStampSize;
  }
  return sizes;
}

std::vector<RocksKv::TableFile> RocksKv::table_files() const {
  const auto name = rocksdb::GetFileChecksumGenCrc32cFactory()->CreateFileChecksumGenerator({})->Name();
  std::vector<TableFile> files;
  std::vector<rocksdb::LiveFileMetaData> tables;
  state_->db->GetLiveFilesMetaData(&tables);
  for (const auto& file : tables) {
    files.push_back({std::filesystem::path(file.db_path) / std::filesystem::path(file.name).relative_path(),
                     file.column_family_name, file.size,
                     file.file_checksum_func_name == name ? file.file_checksum : "", true});
  }
  for (auto* const family : state_->families) {
    if (family == nullptr) continue;  // a space that an older program did not make
    rocksdb::ColumnFamilyMetaData about;
    state_->db->GetColumnFamilyMetaData(family, &about);
    for (const auto& file : about.blob_files) {
      // This version has the name and the value in each other's place.
      const auto& sum = file.checksum_method == name ? file.checksum_value : file.checksum_method;
      const bool kept = file.checksum_method == name || file.checksum_value == name;
      files.push_back({std::filesystem::path(file.blob_file_path) /
                           std::filesystem::path(file.blob_file_name).relative_path(),
                       about.name, file.blob_file_size, kept ? sum : "", false});
    }
  }
  return files;
}

Result<void> RocksKv::compact(const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  std::uint64_t all = 0, done = 0;
  for (const auto& file : table_files()) all += file.octets;
  rocksdb::CompactRangeOptions how;
  how.exclusive_manual_compaction = false;
  how.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  how.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kForce;
  how.blob_garbage_collection_age_cutoff = 1;
  for (auto* const family : state_->families) {
    if (family == nullptr) continue;  // a space that an older program did not make
    rocksdb::ColumnFamilyMetaData before;
    state_->db->GetColumnFamilyMetaData(family, &before);
    if (const auto status = state_->db->CompactRange(how, family, nullptr, nullptr); !status.ok())
      return failure("compact the database at " + state_->where(), status);
    done += before.size + before.blob_file_size;
    if (progress) progress(done, std::max(done, all));
  }
  return {};
}

Result<void> RocksKv::commit(Batch batch, Durability durability) {
  auto& state = *state_;
  if (state.options.access == Access::read_only) {
    return fail(Fault::permanent,
                "write to the database at " + state.where() + ": it is open for reading only");
  }
  const std::scoped_lock lock(state.mutex);
  if (state.broken) {
    return fail(Fault::permanent,
                "write to the database at " + state.where() +
                    ": an earlier write or sync failed; restart, so that its logs are verified");
  }
  if (auto holds = state.check(batch); !holds) return holds;
  const bool sync = durability == Durability::synced;
  if (batch.empty()) return sync ? state.written(state.db->SyncWAL(), sync) : Result<void>{};
  state.fill(batch);
  if (auto room = state.room(state.batch.GetDataSize()); !room) return room;
  // The engine begins a new log then and puts what the older ones hold into tables, so that a record cut
  // short in one of these does no harm. Only when there is room: a Resume() that finds none is its last.
  if (state.full) {
    if (const auto resumed = state.db->Resume(); !resumed.ok()) return state.written(resumed, sync);
  }
  rocksdb::WriteOptions how;
  how.sync = sync;
  return state.written(state.db->Write(how, &state.batch), sync);
}

/// The engine's own writer of logs may abort the program when a log's write has found no room (an assertion
/// that Debian's build keeps), so it is not let that far.
Result<void> RocksKv::State::room(std::size_t octets) const {
  constexpr std::uint64_t kReserve = std::uint64_t{2} << 20;
  std::uint64_t free = 0;
  if (!files->GetFreeSpace(where(), {}, &free, nullptr).ok() || free >= octets + kReserve) return {};
  return fail(Fault::temporary, "write to the database at " + where() +
                                    ": the disk is full: " + std::to_string(free) + " octets are free, " +
                                    std::to_string(octets + kReserve) + " are needed");
}

Result<void> RocksKv::State::check(const Batch& wanted) const {
  for (const auto& condition : wanted.preconditions) {
    std::string value;
    const auto status = db->Get({}, families[condition.space + 1], slice(condition.key), &value);
    if (!status.ok() && !status.IsNotFound()) return read_failure(error_of(status));
    strip(condition.space, value);
    const bool holds = condition.value ? status.ok() && value == *condition.value : status.IsNotFound();
    if (!holds)
      return fail(Fault::not_found,
                  "write to the database at " + where() + ": what it was to change has changed");
  }
  return {};
}

void RocksKv::State::fill(const Batch& from) {
  constexpr std::size_t kKeptMemory = std::size_t{8} << 20;
  if (batch.GetDataSize() > kKeptMemory) batch = rocksdb::WriteBatch();
  batch.Clear();
  const auto moment = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  const auto now = stamp(std::chrono::floor<std::chrono::seconds>(moment));
  batch.PutLogData(log_format::time_mark(moment));
  for (const auto& write : from.writes) {
    auto* const family = families[write.space + 1];
    if (write.value && lives(write.space)) {
      const auto key = slice(write.key);
      const std::array value{slice(*write.value), rocksdb::Slice(now.data(), now.size())};
      batch.Put(family, {&key, 1}, {value.data(), static_cast<int>(value.size())});
    } else if (write.value) {
      batch.Put(family, slice(write.key), slice(*write.value));
    } else if (options.spaces[write.space].write_once) {
      batch.SingleDelete(family, slice(write.key));  // meets its one value in memory, and both are gone
    } else {
      batch.Delete(family, slice(write.key));
    }
  }
}

Result<void> RocksKv::State::written(const rocksdb::Status& status, bool synced) {
  if (status.ok()) {
    const auto sequence = db->GetLatestSequenceNumber();
    files->note_written(sequence);
    if (synced) files->note_acknowledged(sequence);
    return std::exchange(full, false) ? files->forget_older_logs() : Result<void>{};
  }
  const bool resumable = status.severity() < rocksdb::Status::Severity::kFatalError;
  if (files->sync_failed() || !disk_full(status) || !resumable) {
    broken = true;
    return fail(Fault::permanent, "write to the database at " + where() + ": " + status.ToString() +
                                      "; nothing more is written to it before a restart");
  }
  full = true;
  return fail(Fault::temporary, "write to the database at " + where() + ": the disk is full");
}

}  // namespace hikyaku::io
