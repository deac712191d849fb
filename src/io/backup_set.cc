#include "io/backup_set.h"

#include <fcntl.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/utilities/backup_engine.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <map>

#include "base/crc32c.h"
#include "io/backed_files.h"
#include "io/database_header.h"
#include "io/engine_checksum.h"
#include "io/mapped_file.h"
#include "io/rocks_status.h"
#include "io/synced_files.h"

namespace hikyaku::io {
namespace {

namespace fs = std::filesystem;

/// What we have the engine keep with a backup: "SIGNATURE TIME", the time in microseconds.
std::string facts_text(std::uint64_t signature, Time begun) {
  return std::to_string(signature) + ' ' + std::to_string(begun.time_since_epoch().count());
}

void read_facts(const rocksdb::BackupInfo& info, Backup& backup) {
  const auto* const begin = info.app_metadata.data();
  const auto* const end = begin + info.app_metadata.size();
  const auto signature = std::from_chars(begin, end, backup.signature);
  std::int64_t micros = 0;
  if (signature.ec == std::errc() && signature.ptr != end) std::from_chars(signature.ptr + 1, end, micros);
  backup.begun = Time{Time::duration{micros}};
}

rocksdb::BackupEngineOptions engine_options(const fs::path& folder) {
  rocksdb::BackupEngineOptions options(folder.string());
  options.sync = true;
  return options;
}

constexpr std::string_view kBodies = "bodies";

/// "NAME" of a body's file "bodies/NAME"; empty: it is another file.
std::string_view body_name(std::string_view name) {
  if (!name.starts_with(kBodies) || name.size() <= kBodies.size() || name[kBodies.size()] != '/') return {};
  return name.substr(kBodies.size() + 1);
}

Result<FileList> read_list(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) return fail(Fault::corrupt, "read " + path.string());
  auto list = decode_file_list(text);
  if (!list) return fail(Fault::corrupt, path.string() + ": " + list.error().text);
  return list;
}

/// The list of the logs that a restored database has. The newest was copied while it was written: what it
/// ends in was not acknowledged before the backup began, and is cut.
Result<std::vector<CataloguedLog>> catalogue_of(const fs::path& folder) {
  std::vector<CataloguedLog> logs;
  std::vector<std::pair<fs::path, std::uint64_t>> cuts;
  const auto files = log_files(folder);
  if (!files) return std::unexpected(files.error());
  for (const auto& [number, path] : *files) {
    const auto mapped = MappedFile::open(path);
    if (!mapped) return std::unexpected(mapped.error());
    const auto report = check_log(mapped->contents());
    if (report.state == LogReport::State::corrupt)
      return fail(Fault::corrupt, path.string() + ": " + report.reason);
    logs.push_back({number, first_record_of(mapped->contents()), 0});
    if (report.state == LogReport::State::torn) cuts.emplace_back(path, report.intact);
  }
  std::error_code error;
  for (const auto& [path, octets] : cuts) {
    fs::resize_file(path, octets, error);
    if (error) return fail(Fault::permanent, "cut " + path.string() + ": " + error.message());
    if (auto synced = sync_path(path); !synced) return std::unexpected(synced.error());
  }
  return logs;
}

}  // namespace

struct BackupSet::State {
  fs::path folder;
  int lock = -1;
  std::unique_ptr<rocksdb::BackupEngine> engine;
  std::unique_ptr<rocksdb::BackupEngineReadOnly> reader;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (lock >= 0) ::close(lock);
  }

  const rocksdb::BackupEngineReadOnlyBase& base() const {
    if (engine) return *engine;
    return *reader;
  }
  fs::path list_of(std::uint32_t number) const { return folder / "lists" / std::to_string(number); }
  Result<void> remove_unfinished();
  /// Of all that were finished, sorted, also when the engine's own part of one is damaged.
  Result<std::vector<std::uint32_t>> numbers() const;
  /// And its files, when their list is whole.
  Backup describe(std::uint32_t number, FileList& files) const;
  Result<void> verify_new(std::uint32_t number, const FileList& known, FileList& list);
  Result<void> write_database(std::uint32_t number, const FileList& list, const fs::path& database,
                              const Progress& progress) const;
};

BackupSet::BackupSet(std::unique_ptr<State> state) : state_(std::move(state)) {}
BackupSet::BackupSet(BackupSet&&) noexcept = default;
BackupSet::~BackupSet() = default;

Result<BackupSet> BackupSet::open(const fs::path& folder) {
  auto state = std::make_unique<State>();
  state->folder = folder;
  std::error_code error;
  fs::create_directories(folder / "lists", error);
  if (error) return fail(Fault::permanent, "make the folder " + folder.string() + ": " + error.message());
  fs::permissions(folder, fs::perms::owner_all, error);
  state->lock = ::open((folder / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (state->lock < 0 || ::flock(state->lock, LOCK_EX | LOCK_NB) != 0)
    return fail(Fault::temporary, "lock " + (folder / "lock").string() + ": another backup is under way");
  rocksdb::BackupEngine* engine = nullptr;
  const auto status = rocksdb::BackupEngine::Open(engine_options(folder), rocksdb::Env::Default(), &engine);
  if (!status.ok()) return failure("open the backups in " + folder.string(), status);
  state->engine.reset(engine);
  return BackupSet(std::move(state));
}

Result<BackupSet> BackupSet::open_read_only(const fs::path& folder) {
  auto state = std::make_unique<State>();
  state->folder = folder;
  std::error_code error;
  if (!fs::is_directory(folder / "lists", error))
    return fail(Fault::not_found, "there is no backup in " + folder.string());
  rocksdb::BackupEngineReadOnly* reader = nullptr;
  const auto status =
      rocksdb::BackupEngineReadOnly::Open(engine_options(folder), rocksdb::Env::Default(), &reader);
  if (!status.ok()) return failure("open the backups in " + folder.string(), status);
  state->reader.reset(reader);
  return BackupSet(std::move(state));
}

Result<std::vector<Backup>> BackupSet::list() const {
  const auto numbers = state_->numbers();
  if (!numbers) return std::unexpected(numbers.error());
  std::vector<Backup> all;
  for (const auto number : *numbers) {
    FileList files;
    all.push_back(state_->describe(number, files));
  }
  return all;
}

Backup BackupSet::State::describe(std::uint32_t number, FileList& files) const {
  Backup backup;
  backup.number = number;
  if (auto list = read_list(list_of(number)); list) {
    files = std::move(*list);
    backup.files = files.size();
    for (const auto& [name, file] : files) backup.octets += file.octets;
  } else {
    backup.fault = list.error().text;
  }
  rocksdb::BackupInfo info;
  if (const auto status = base().GetBackupInfo(number, &info); status.ok()) {
    read_facts(info, backup);
  } else if (backup.fault.empty()) {
    backup.fault = (folder / "meta" / std::to_string(number)).string() + ": " + status.ToString();
  }
  return backup;
}

Result<std::vector<std::uint32_t>> BackupSet::State::numbers() const {
  std::vector<std::uint32_t> all;
  std::error_code error;
  const auto lists = folder / "lists";
  for (fs::directory_iterator file(lists, error), end; !error && file != end; file.increment(error)) {
    const auto name = file->path().filename().string();
    std::uint32_t number = 0;
    const auto [rest, wrong] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (wrong == std::errc() && rest == name.data() + name.size()) all.push_back(number);
  }
  if (error) return fail(Fault::permanent, "list " + lists.string() + ": " + error.message());
  std::ranges::sort(all);
  return all;
}

Result<void> BackupSet::State::remove_unfinished() {
  const auto finished = numbers();
  if (!finished) return std::unexpected(finished.error());
  std::vector<rocksdb::BackupInfo> infos;
  engine->GetBackupInfo(&infos);
  std::vector<rocksdb::BackupID> all;
  engine->GetCorruptedBackups(&all);
  for (const auto& info : infos) all.push_back(info.backup_id);
  for (const auto number : all) {
    if (std::ranges::binary_search(*finished, number)) continue;
    if (const auto status = engine->DeleteBackup(number); !status.ok())
      return failure("remove an unfinished backup in " + folder.string(), status);
  }
  return {};
}

/// Reads the engine's files of a backup, but for those that `known` has, and adds what they are to `list`.
Result<void> BackupSet::State::verify_new(std::uint32_t number, const FileList& known, FileList& list) {
  rocksdb::BackupInfo info;
  if (const auto status = engine->GetBackupInfo(number, &info, true); !status.ok())
    return failure("read the backup in " + folder.string(), status);
  // Not among the details, and nothing can be restored without it.
  info.file_details.emplace_back().relative_filename = "meta/" + std::to_string(number);
  for (const auto& file : info.file_details) {
    const auto& name = file.relative_filename;
    if (const auto same = known.find(name); same != known.end()) {
      list.insert(*same);
      continue;
    }
    const auto found = examine_file(folder / name, {});
    if (!found) return std::unexpected(found.error());
    if (!file.file_checksum.empty() && engine_checksum(found->checksum) != file.file_checksum)
      return fail(Fault::corrupt, (folder / name).string() + ": is not what was written: checksum mismatch");
    list.insert_or_assign(name, *found);
  }
  return {};
}

Result<Backup> BackupSet::add(RocksKv& kv, FileBlob& bodies, Time now, const Progress& progress) {
  auto& state = *state_;
  if (auto removed = state.remove_unfinished(); !removed) return std::unexpected(removed.error());
  FileList known, known_bodies;
  const auto before = state.numbers();
  if (!before) return std::unexpected(before.error());
  for (const auto number : *before) {
    FileList files;
    const auto one = state.describe(number, files);
    if (!one.fault.empty())
      return fail(Fault::corrupt, "a backup in " + state.folder.string() + " is damaged: " + one.fault);
    known.merge(files);
  }
  for (const auto& [name, file] : known) {
    if (const auto body = body_name(name); !body.empty()) known_bodies.emplace(body, file);
  }
  const auto held = bodies.hold_removals();
  std::uint64_t all = 0, done = 0;
  for (const auto& file : kv.table_files()) all += file.octets;
  const auto count = [&](std::uint64_t octets) {
    done += octets;
    if (progress) progress(done, std::max(done, all));
  };
  const auto options = engine_options(state.folder);
  rocksdb::CreateBackupOptions how;
  how.flush_before_backup = true;
  how.progress_callback = [&] { count(options.callback_trigger_interval_size); };
  rocksdb::BackupID number = 0;
  const auto status =
      state.engine->CreateNewBackupWithMetadata(how, &kv.engine(), facts_text(kv.signature(), now), &number);
  if (!status.ok()) return failure("back up to " + state.folder.string(), status);
  const auto copied = copy_bodies(bodies, state.folder / kBodies, known_bodies, count);
  if (!copied) return std::unexpected(copied.error());
  FileList written;
  for (const auto& [name, file] : *copied) written.emplace(std::string(kBodies) + '/' + name, file);
  if (auto verified = state.verify_new(number, known, written); !verified)
    return std::unexpected(verified.error());
  if (auto stored = replace_synced(state.list_of(number), encode_file_list(written)); !stored)
    return std::unexpected(stored.error());
  if (auto synced = sync_path(state.folder); !synced) return std::unexpected(synced.error());
  if (auto noted = kv.note_backup(before->empty(), now); !noted) return std::unexpected(noted.error());
  return list_one(number, written);
}

Result<Backup> BackupSet::list_one(std::uint32_t number, FileList& files) const {
  const auto numbers = state_->numbers();
  if (!numbers) return std::unexpected(numbers.error());
  if (!std::ranges::binary_search(*numbers, number))
    return fail(Fault::not_found,
                "there is no backup " + std::to_string(number) + " in " + state_->folder.string());
  auto backup = state_->describe(number, files);
  if (!backup.fault.empty()) return fail(Fault::corrupt, backup.fault);
  return backup;
}

Result<std::vector<BackupFault>> BackupSet::verify(const Progress& progress) const {
  std::vector<BackupFault> faults;
  std::map<std::uint32_t, FileList> lists;
  FileList all;
  const auto numbers = state_->numbers();
  if (!numbers) return std::unexpected(numbers.error());
  for (const auto number : *numbers) {
    const auto path = state_->list_of(number);
    const auto list = read_list(path);
    if (!list) {
      faults.push_back({number, list.error().text});
      continue;
    }
    all.insert(list->begin(), list->end());
    lists.emplace(number, *list);
  }
  std::uint64_t octets = 0, done = 0;
  for (const auto& [name, file] : all) octets += file.octets;
  const auto count = [&](std::uint64_t piece) {
    done += piece;
    if (progress) progress(done, std::max(done, octets));
  };
  // What several share is read once.
  std::map<std::string, std::string> reasons;
  for (const auto& [name, file] : all) {
    const auto body = std::string(body_name(name));
    const auto verified = body.empty() ? verify_file(state_->folder / name, file, count)
                                       : verify_body(state_->folder / kBodies, body, file, count);
    if (!verified) reasons.emplace(name, verified.error().text);
  }
  for (const auto& [number, list] : lists) {
    for (const auto& [name, reason] : reasons) {
      if (list.contains(name)) faults.push_back({number, reason});
    }
  }
  return faults;
}

Result<void> BackupSet::restore(std::uint32_t number, const fs::path& database,
                                const Progress& progress) const {
  FileList list;
  const auto backup = list_one(number, list);
  if (!backup) return std::unexpected(backup.error());
  std::error_code error;
  if (fs::exists(database, error))
    return fail(Fault::permanent, "restore to " + database.string() + ": it is there already");
  const fs::path made = database.string() + ".unfinished";
  fs::remove_all(made, error);  // of one that was cut short
  auto done = state_->write_database(number, list, made, progress);
  if (done) {
    fs::rename(made, database, error);
    if (error)
      return fail(Fault::permanent,
                  "rename " + made.string() + " to " + database.string() + ": " + error.message());
    return sync_path(fs::absolute(database).parent_path());
  }
  fs::remove_all(made, error);
  return done;
}

Result<void> BackupSet::State::write_database(std::uint32_t number, const FileList& list,
                                              const fs::path& database, const Progress& progress) const {
  std::uint64_t all = 0, octets = 0;
  for (const auto& [name, file] : list) all += file.octets;
  const auto count = [&](std::uint64_t piece) {
    octets += piece;
    if (progress) progress(octets, std::max(octets, all));
  };
  // The engine's files as they are in the set; while it copies them it compares only some.
  for (const auto& [name, file] : list) {
    if (!body_name(name).empty()) continue;
    if (auto verified = verify_file(folder / name, file, count); !verified) return verified;
  }
  std::error_code error;
  fs::create_directories(database, error);
  if (error) return fail(Fault::permanent, "make the folder " + database.string() + ": " + error.message());
  fs::permissions(database, fs::perms::owner_all, error);
  auto header = HeaderFile::open(database / "header", HeaderFile::Access::read_write, random_signature());
  if (!header) return std::unexpected(header.error());
  const auto db = (database / "db").string();
  const auto status = base().RestoreDBFromBackup(rocksdb::RestoreOptions(), number, db, db);
  if (!status.ok()) return failure("restore " + folder.string() + " to " + db, status);
  auto to = FileBlob::open(database / "blobs");
  if (!to) return std::unexpected(to.error());
  for (const auto& [name, file] : list) {
    const auto body = std::string(body_name(name));
    if (body.empty()) continue;
    if (auto restored = restore_body(folder / kBodies, body, file, **to, count); !restored) return restored;
  }
  auto logs = catalogue_of(database / "db");
  if (!logs) return std::unexpected(logs.error());
  for (const auto& path : {database / "db", database / "blobs", database}) {
    if (auto synced = sync_path(path); !synced) return synced;
  }
  auto changed = header->header();
  changed.logs = std::move(*logs);
  changed.state = DatabaseHeader::State::dirty;
  return header->store(changed);
}

}  // namespace hikyaku::io
