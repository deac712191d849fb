#include "serve/backups.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "io/database_header.h"
#include "io/file_blob.h"
#include "io/log_replay.h"
#include "io/synced_files.h"
#include "serve/database_folder.h"
#include "store/check.h"
#include "store/loss.h"

namespace hikyaku::serve {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSet = "full-";

/// Sorted by their names, which is by time.
Result<std::vector<fs::path>> sets_in(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error))
    return fail(Fault::not_found, "there is no folder of backups at " + folder.string());
  std::vector<fs::path> sets;
  for (fs::directory_iterator one(folder, error), end; !error && one != end; one.increment(error)) {
    if (one->path().filename().string().starts_with(kSet)) sets.push_back(one->path());
  }
  if (error) return fail(Fault::permanent, "list " + folder.string() + ": " + error.message());
  std::ranges::sort(sets);
  return sets;
}

/// The set that the next backup goes into, or why that is a new one.
struct Continued {
  fs::path set;
  std::string why_full;
};

Continued set_to_continue(const fs::path& folder, std::uint64_t signature) {
  const auto sets = sets_in(folder);
  if (!sets) {
    return {{}, sets.error().fault == Fault::not_found ? "the first in this folder" : sets.error().text};
  }
  if (sets->empty()) return {{}, "the first in this folder"};
  const auto& newest = sets->back();
  const auto set = io::BackupSet::open_read_only(newest);
  if (!set && set.error().fault == Fault::not_found) return {newest, "the one before was not finished"};
  if (!set) return {{}, set.error().text};
  const auto backups = set->list();
  if (!backups) return {{}, backups.error().text};
  if (backups->empty()) return {newest, "the one before was not finished"};
  for (const auto& one : *backups) {
    if (!one.fault.empty()) return {{}, "the newest set is damaged: " + one.fault};
  }
  if (backups->back().signature != signature) return {{}, "the newest set is of another database"};
  return {newest, {}};
}

/// A name that no set has.
fs::path new_set(const fs::path& folder, Time now) {
  const auto name = std::string(kSet) + file_name_text(now);
  auto path = folder / name;
  std::error_code ignored;
  for (int i = 2; fs::exists(path, ignored); ++i) path = folder / (name + '-' + std::to_string(i));
  return path;
}

/// The database that is there, locked.
struct Present {
  std::optional<io::HeaderFile> header;
  std::string fault;  ///< why it has no header that can be read
  std::uint64_t signature() const { return header ? header->header().signature : 0; }
};

Result<Present> lock_present(const fs::path& database) {
  std::error_code error;
  Present present;
  if (!fs::exists(database / "header", error)) return present;
  auto header = io::HeaderFile::open(database / "header", io::HeaderFile::Access::read_write, 0);
  // One that can't be read needs the backup all the more.
  if (!header && header.error().fault == Fault::temporary) return std::unexpected(header.error());
  if (header) {
    present.header.emplace(std::move(*header));
  } else {
    present.fault = header.error().text;
  }
  return present;
}

/// What may have been given out after the moment that the database is brought back to.
std::uint64_t changes_undone(const Present& present, bool same, std::uint64_t reached) {
  constexpr std::uint64_t kManyChanges = 10'000'000;  // more than is written between two backups
  if (!same || present.header->acknowledged() == 0) return kManyChanges;
  return present.header->acknowledged() > reached ? present.header->acknowledged() - reached : 0;
}

/// Brings what stands in `database` forward and makes it whole in itself.
Result<void> bring_forward(const DatabasePlace& place, const fs::path& database, const Present& present,
                           std::optional<Time> at, Time now, const io::Progress& progress,
                           Restored& restored) {
  auto options = place.options(now);
  options.directory = database;
  auto kv = io::RocksKv::open(options, restored.notes);
  if (!kv) return std::unexpected(kv.error());
  const bool same = present.header && present.signature() == restored.backup.backup.signature;
  io::Replayed replayed;
  if (same) {
    const auto logs = io::all_logs(place.directory);
    if (!logs) return std::unexpected(logs.error());
    auto done = io::replay_logs(**kv, *logs, at, progress);
    if (!done) return std::unexpected(done.error());
    replayed = std::move(*done);
    if (auto taken = link_files(place.directory / "blobs", database / "blobs"); !taken) return taken;
  } else {
    restored.notes.push_back(std::string("nothing newer than the backup is taken in: ") +
                             (present.header ? "the database that is there is not the one that was backed up"
                              : present.fault.empty() ? "there is no database whose logs could be followed"
                                                      : present.fault));
  }
  restored.changes = replayed.changes;
  restored.until = replayed.until;
  if (!replayed.stopped.empty()) restored.stopped = replayed.stopped;
  const auto acknowledged = same ? present.header->acknowledged() : 0;
  if (!replayed.reached && restored.stopped.empty() && acknowledged > replayed.last) {
    restored.stopped = fmt::format("changes {} to {} were acknowledged and are not in the logs",
                                   replayed.last + 1, acknowledged);
  }
  if (const auto undone = changes_undone(present, same, replayed.last); undone > 0) {
    if (auto skipped = store::skip_given(**kv, undone); !skipped) return skipped;
  }
  const auto blob = io::FileBlob::open_read_only(database / "blobs");
  if (!blob) return std::unexpected(blob.error());
  constexpr std::size_t kMostTold = 1000;
  const auto checked = store::check(**kv, **blob, [&](const store::Problem& problem) {
    // Bodies that came after the wanted moment go at the next start of the hub.
    if (problem.kind == store::Problem::Kind::unused || restored.notes.size() >= kMostTold) return;
    restored.notes.push_back(fmt::format(
        "{}{}: {}", problem.mailbox.empty() ? "database" : escaped(problem.mailbox, 500),
        problem.uid == 0 ? "" : fmt::format(", UID {}", problem.uid), escaped(problem.text, 1000)));
  });
  if (!checked) return std::unexpected(checked.error());
  return {};
}

}  // namespace

nlohmann::json backup_row(const FoundBackup& found) {
  nlohmann::json row{{"set", found.set.string()},
                     {"number", found.backup.number},
                     {"kind", found.full ? "full" : "incremental"},
                     {"time", found.backup.begun == Time{} ? "" : iso_text(found.backup.begun)},
                     {"signature", fmt::format("{:016x}", found.backup.signature)},
                     {"octets", found.backup.octets},
                     {"files", found.backup.files}};
  if (!found.backup.fault.empty()) row["fault"] = found.backup.fault;
  if (!found.why_full.empty()) row["why_full"] = found.why_full;
  return row;
}

Result<std::vector<FoundBackup>> list_backups(const fs::path& folder) {
  const auto sets = sets_in(folder);
  if (!sets) return std::unexpected(sets.error());
  std::vector<FoundBackup> all;
  for (const auto& path : *sets) {
    const auto set = io::BackupSet::open_read_only(path);
    if (!set && set.error().fault == Fault::not_found) continue;  // cut short before its first
    if (!set) {
      all.push_back({path, true, {}, {}});
      all.back().backup.fault = set.error().text;
      continue;
    }
    const auto backups = set->list();
    if (!backups) return std::unexpected(backups.error());
    for (const auto& backup : *backups)
      all.push_back({path, all.empty() || all.back().set != path, backup, {}});
  }
  return all;
}

Result<FoundBackup> back_up(io::RocksKv& kv, io::FileBlob& bodies, const fs::path& folder, bool full,
                            Time now, const io::Progress& progress) {
  auto [path, why] =
      full ? Continued{{}, "a full one was asked for"} : set_to_continue(folder, kv.signature());
  if (path.empty()) path = new_set(folder, now);
  auto set = io::BackupSet::open(path);
  if (!set) return std::unexpected(set.error());
  auto added = set->add(kv, bodies, now, progress);
  if (!added) return std::unexpected(added.error());
  for (const auto& above : {folder, fs::absolute(folder).parent_path()}) {
    if (auto synced = io::sync_path(above); !synced) return std::unexpected(synced.error());
  }
  return FoundBackup{path, !why.empty(), *added, why};
}

Result<BackupsVerified> verify_backups(const fs::path& folder, const io::Progress& progress) {
  const auto sets = sets_in(folder);
  if (!sets) return std::unexpected(sets.error());
  BackupsVerified verified;
  for (const auto& path : *sets) {
    const auto set = io::BackupSet::open_read_only(path);
    if (!set) {
      verified.faults.push_back({path, {0, set.error().text}});
      continue;
    }
    const auto backups = set->list();
    if (!backups) return std::unexpected(backups.error());
    verified.backups += backups->size();
    const auto faults = set->verify(progress);
    if (!faults) return std::unexpected(faults.error());
    for (const auto& fault : *faults) verified.faults.push_back({path, fault});
  }
  return verified;
}

Result<Restored> restore_backup(const DatabasePlace& place, const fs::path& folder, std::optional<Time> at,
                                Time now, const io::Progress& progress) {
  const auto all = list_backups(folder);
  if (!all) return std::unexpected(all.error());
  Restored restored;
  std::optional<Time> oldest;
  const auto fitting = std::find_if(all->rbegin(), all->rend(), [&](const FoundBackup& one) {
    if (!one.backup.fault.empty()) {
      restored.notes.push_back("a backup is passed over, for it is damaged: " + one.backup.fault);
      return false;
    }
    oldest = one.backup.begun;
    return !at || *oldest <= *at;
  });
  if (fitting == all->rend() && oldest) {
    return fail(Fault::not_found, "the oldest backup in " + folder.string() + " is of " + iso_text(*oldest) +
                                      ", after the wanted moment");
  }
  if (fitting == all->rend() && !all->empty())
    return fail(Fault::corrupt, "no backup in " + folder.string() + " is whole: " + all->back().backup.fault);
  if (fitting == all->rend()) return fail(Fault::not_found, "there is no backup in " + folder.string());
  restored.backup = *fitting;
  const auto present = lock_present(place.directory);
  if (!present) return std::unexpected(present.error());
  const fs::path made = folder_beside(place.directory, beside::kRestoring, now);
  const auto set = io::BackupSet::open_read_only(restored.backup.set);
  if (!set) return std::unexpected(set.error());
  auto done = set->restore(restored.backup.backup.number, made, progress);
  if (done) done = bring_forward(place, made, *present, at, now, progress, restored);
  if (done) {
    auto aside =
        put_in_place(place.directory, made, folder_beside(place.directory, beside::kBeforeRestore, now));
    if (aside) restored.put_aside = std::move(*aside);
    if (!aside) done = std::unexpected(aside.error());
  }
  if (!done) {
    std::error_code ignored;
    fs::remove_all(made, ignored);  // made here, and of no use
    return std::unexpected(done.error());
  }
  return restored;
}

}  // namespace hikyaku::serve
