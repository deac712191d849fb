#include "io/salvage.h"

#include <algorithm>

#include "io/log_format.h"
#include "io/log_walk.h"
#include "io/manifest_check.h"
#include "io/mapped_file.h"
#include "io/synced_files.h"

namespace hikyaku::io {
namespace {

namespace fs = std::filesystem;

/// Logs whose contents count.
bool is_ours(const LogReport& log) {
  return log.state != LogReport::State::not_needed && log.state != LogReport::State::missing &&
         log.state != LogReport::State::foreign;
}

/// `first`: the number of its first change; 0: not known, of a damaged one.
void hand_out(std::string_view batch, std::uint64_t first, std::uint64_t log,
              const std::function<void(const SalvagedRow&)>& row) {
  if (!row) return;
  auto sequence = first;
  (void)read_rows(batch, [&](const BatchRow& one) {
    // The engine has a family of its own, numbered 0, that we do not use.
    if (one.family > 0) row({one.family - 1, one.key, one.value, first != 0, sequence, log});
    if (first != 0) ++sequence;
  });
}

/// What is intact in a log, as a log.
Result<std::string> intact_part(const fs::path& path) {
  const auto file = MappedFile::open(path);
  if (!file) return std::unexpected(file.error());
  std::string kept;
  walk_log(file->contents(),
           {.batch = [&](const LogBatch& batch) { log_format::append_record(kept, batch.contents); },
            .damage = {}});
  return kept;
}

}  // namespace

Result<Salvage> Salvage::open(const fs::path& database, const Progress& progress) {
  return open(database, HeaderFile::Access::read_write, progress);
}

Result<Salvage> Salvage::open_unchanged(const fs::path& database, const Progress& progress) {
  return open(database, HeaderFile::Access::read_alone, progress);
}

Result<Salvage> Salvage::open(const fs::path& database, HeaderFile::Access access, const Progress& progress) {
  std::error_code error;
  const auto path = database / "header";
  const bool there = fs::exists(path, error);
  const bool changes = access == HeaderFile::Access::read_write;
  if (!there && !fs::exists(changes ? database / "db" / "CURRENT" : database / "db", error))
    return fail(Fault::not_found, "there is no database at " + database.string());
  auto header = there || changes ? HeaderFile::open(path, access, 0)
                                 : Result<HeaderFile>(fail(Fault::corrupt, "it is missing"));
  std::string fault;
  if (!header) {
    if (header.error().fault != Fault::corrupt) return std::unexpected(header.error());
    fault = path.string() + (there ? ": damaged" : ": missing");
    header = HeaderFile::open_lost(path, access);
    if (!header) return std::unexpected(header.error());
  }
  Salvage salvage(database, std::move(*header));
  salvage.header_fault_ = std::move(fault);
  if (auto verified = salvage.verify(progress); !verified) return std::unexpected(verified.error());
  if (!header_is_foreign(database / "db", salvage.header(), salvage.logs_)) return salvage;
  if (auto replaced = salvage.header_.replace_lost(); !replaced) return std::unexpected(replaced.error());
  salvage.header_fault_ = path.string() + ": of another database";
  if (auto verified = salvage.verify(progress); !verified) return std::unexpected(verified.error());
  return salvage;
}

Result<void> Salvage::verify(const Progress& progress) {
  const bool forced = header().state == DatabaseHeader::State::forced;
  auto logs = check_logs(database_ / "db", header().logs, acknowledged(), progress,
                         forced ? Gaps::accepted : Gaps::refused);
  if (!logs) return std::unexpected(logs.error());
  logs_ = std::move(*logs);
  return {};
}

bool Salvage::needed() const {
  return !header_fault_.empty() ||
         std::ranges::any_of(logs_, [](const LogReport& log) { return is_damage(log.state); });
}

void Salvage::begin_gap(const fs::path& file, std::uint64_t offset, std::uint64_t end, std::string reason) {
  in_gap_ = true;
  gaps_.push_back({file, offset, end, std::move(reason), next_sequence_, 0});
}

/// A batch with this number follows: only now it is known how many changes are missing.
void Salvage::end_gap(std::uint64_t sequence) {
  if (!in_gap_) return;
  in_gap_ = false;
  if (next_sequence_ != 0 && sequence > next_sequence_) gaps_.back().changes = sequence - next_sequence_;
}

Result<void> Salvage::read(const std::function<void(const SalvagedRow&)>& row,
                           const std::function<void()>& gap) {
  gaps_.clear();
  in_gap_ = false;
  const auto& catalogue = header().logs;
  const auto begins_after = catalogue.empty() ? 0 : catalogue.front().begins_after;
  next_sequence_ = begins_after == 0 ? 0 : begins_after + 1;
  for (const auto& log : logs_) {
    if (log.state == LogReport::State::not_needed) continue;
    if (is_ours(log) && (log.octets > 0 || !is_damage(log.state))) {
      if (auto read = read_log(log, row, gap); !read) return read;
      continue;
    }
    begin_gap(log.file, 0, log.octets, log.reason);
    if (gap) gap();
  }
  const auto end = acknowledged() + 1;
  if (acknowledged() != 0 && next_sequence_ != 0 && end > next_sequence_) {
    // The newest log ends too early, with nothing in itself that shows it.
    if (!in_gap_ && !logs_.empty()) {
      begin_gap(logs_.back().file, logs_.back().octets, logs_.back().octets, logs_.back().reason);
      if (gap) gap();
    }
    end_gap(end);
  }
  return {};
}

Result<void> Salvage::read_log(const LogReport& log, const std::function<void(const SalvagedRow&)>& row,
                               const std::function<void()>& gap) {
  const auto file = MappedFile::open(log.file);
  if (!file) return std::unexpected(file.error());
  const bool newest = &log == &logs_.back();
  walk_log(file->contents(),
           {.batch =
                [&](const LogBatch& batch) {
                  if (!in_gap_ && next_sequence_ != 0 && batch.sequence > next_sequence_) {
                    begin_gap(log.file, batch.offset, batch.offset, "changes before it are missing");
                    if (gap) gap();
                  }
                  end_gap(batch.sequence);
                  next_sequence_ = batch.sequence + batch.count;
                  hand_out(batch.contents, batch.sequence, log.number, row);
                },
            .damage =
                [&](const LogDamage& damage) {
                  // What a crash cut off was never acknowledged: no gap, unless it was.
                  const bool torn = damage.end == file->contents().size() &&
                                    (log.state == LogReport::State::torn ||
                                     (newest && acknowledged() != 0 && acknowledged() < next_sequence_));
                  if (torn) return;
                  begin_gap(log.file, damage.offset, damage.end, damage.reason);
                  hand_out(damage.remains, 0, log.number, row);
                  if (gap) gap();
                }});
  return {};
}

Result<void> Salvage::carry_out(const fs::path& folder,
                                const std::vector<std::pair<std::string, std::string>>& files) {
  for (const auto& log : logs_) {
    if (!is_damage(log.state) || log.state == LogReport::State::missing) continue;
    if (auto copied = copy_synced(log.file, folder, database_); !copied)
      return std::unexpected(copied.error());
  }
  std::error_code error;
  if (!header_fault_.empty() && fs::exists(database_ / "header", error)) {
    if (auto copied = copy_synced(database_ / "header", folder, database_); !copied)
      return std::unexpected(copied.error());
  }
  fs::create_directories(folder, error);
  if (error) return fail(Fault::permanent, "make the folder " + folder.string() + ": " + error.message());
  for (const auto& [name, contents] : files) {
    if (auto written = replace_synced(folder / name, contents); !written) return written;
  }
  for (const auto& path : {folder.parent_path(), database_}) {
    if (auto synced = sync_path(path); !synced) return synced;
  }

  auto changed = header();
  changed.state = DatabaseHeader::State::forced;
  for (const auto& log : logs_) {
    if (!is_damage(log.state)) continue;
    const auto listed = std::ranges::lower_bound(changed.logs, log.number, {}, &CataloguedLog::number);
    const bool is_listed = listed != changed.logs.end() && listed->number == log.number;
    if (!is_listed) continue;
    if (is_ours(log)) {
      listed->first_record = 0;
    } else {
      changed.logs.erase(listed);
    }
  }
  if (auto stored = header_.store(changed); !stored) return stored;
  // What follows may be less than what was acknowledged.
  header_.note_acknowledged(0);

  for (const auto& log : logs_) {
    if (!is_damage(log.state) || log.state == LogReport::State::missing) continue;
    if (!is_ours(log)) {
      fs::remove(log.file, error);
      if (error) return fail(Fault::permanent, "remove " + log.file.string() + ": " + error.message());
      continue;
    }
    const auto kept = intact_part(log.file);
    if (!kept) return std::unexpected(kept.error());
    if (auto replaced = replace_synced(log.file, *kept); !replaced) return replaced;
  }
  return sync_path(database_ / "db");
}

}  // namespace hikyaku::io
