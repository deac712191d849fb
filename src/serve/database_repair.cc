#include "serve/database_repair.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/escape.h"
#include "io/empty_folder.h"
#include "io/file_blob.h"
#include "io/rocks_recovery.h"
#include "io/synced_files.h"
#include "queue/lost_rows.h"
#include "serve/database_folder.h"
#include "serve/databases.h"
#include "store/check.h"
#include "store/keys.h"
#include "store/lost_rows.h"

namespace hikyaku::serve {
namespace {

namespace fs = std::filesystem;

/// More changes than are between two tables.
constexpr std::uint64_t kManyChanges = 10'000'000;

/// Of runs that were cut short; the database's lock is held, so that nobody is making one now.
Result<void> remove_unfinished(const fs::path& database) {
  std::error_code error;
  std::vector<fs::path> left;
  const auto prefix = database.filename().string().append(beside::kRepairing);
  for (fs::directory_iterator one(database.parent_path(), error), end; !error && one != end;
       one.increment(error)) {
    if (one->path().filename().string().starts_with(prefix)) left.push_back(one->path());
  }
  for (const auto& path : left) {
    if (!error) fs::remove_all(path, error);
  }
  if (error)
    return fail(Fault::permanent, "remove what is left of an earlier repair beside " + database.string() +
                                      ": " + error.message());
  return {};
}

class Repairer {
 public:
  Repairer(const DatabasePlace& place, Time now, const io::Progress& progress)
      : old_(place), now_(now), progress_(progress) {}

  Result<DatabaseRepair> run(Replace replace) {
    auto salvage = io::Salvage::open_unchanged(old_.directory);
    if (!salvage) return std::unexpected(salvage.error());
    if (auto removed = remove_unfinished(old_.directory); !removed) return std::unexpected(removed.error());
    new_ = old_;
    new_.directory = folder_beside(old_.directory, beside::kRepairing, now_);
    if (mailboxes()) new_.blobs = new_.directory / "blobs";
    auto done = make(*salvage);
    if (done) done = finish(replace);
    if (done) return std::move(repair_);
    std::error_code ignored;
    fs::remove_all(new_.directory, ignored);  // made here, and of no use
    return std::unexpected(done.error());
  }

 private:
  bool mailboxes() const { return old_.kind == DatabasePlace::Kind::mailboxes; }
  Result<void> make(io::Salvage& salvage);
  Result<void> survey_logs(io::Salvage& salvage, io::RocksKv& kv);
  std::set<Kv::Space> damaged_spaces() const;
  Result<void> settle(io::RocksKv& kv);
  Result<void> settle_mailboxes(io::RocksKv& kv, io::FileBlob& blob);
  Result<void> keep_bodies(const io::RocksKv& kv, const std::vector<store::SettledRows::LooseBody>& bodies);
  Result<void> set_bodies_aside(io::RocksKv& kv, io::FileBlob& blob);
  Result<void> drop_found(const store::Store& store);
  Result<void> write_report();
  Result<void> finish(Replace replace);
  void note(const store::Problem& problem);
  fs::path quarantine() const { return io::quarantine_folder(new_.directory, now_); }

  const DatabasePlace old_;
  const Time now_;
  const io::Progress& progress_;
  DatabasePlace new_;
  store::LossSurvey of_mailboxes_;
  queue::LossSurvey of_queue_;
  DatabaseRepair repair_;
};

Result<void> Repairer::make(io::Salvage& salvage) {
  std::error_code error;
  fs::create_directories(new_.directory, error);
  if (error)
    return fail(Fault::permanent, "make the folder " + new_.directory.string() + ": " + error.message());
  auto kv = io::RocksKv::open(new_.options(now_), repair_.notes);
  if (!kv) return std::unexpected(kv.error());
  const auto row = [&](const io::SalvagedRow& one) {
    if (mailboxes()) {
      of_mailboxes_.row(one.space, one.key, one.value, one.intact);
    } else {
      of_queue_.row(one.space, one.key, one.value, one.intact);
    }
  };
  auto rebuilt = io::rebuild(
      old_.directory, old_.spaces, salvage, **kv, new_.directory / "scratch", row,
      [&] { of_mailboxes_.gap(); }, progress_);
  if (!rebuilt) return std::unexpected(rebuilt.error());
  repair_.faults = std::move(rebuilt->faults);
  repair_.left_out = std::move(rebuilt->left_out);
  repair_.list_lost = rebuilt->list_lost;
  repair_.rows = rebuilt->rows;
  if (auto surveyed = survey_logs(salvage, **kv); !surveyed) return surveyed;
  if (auto settled = settle(**kv); !settled) return settled;
  // So that all that was written is in tables, and the header says so.
  kv->reset();
  return write_report();
}

Result<void> Repairer::survey_logs(io::Salvage& salvage, io::RocksKv& kv) {
  auto& loss = repair_.loss;
  loss.header_fault = salvage.header_fault();
  std::ranges::copy_if(salvage.logs(), std::back_inserter(loss.bad_logs),
                       [](const io::LogReport& log) { return io::is_damage(log.state); });
  loss.gaps = salvage.gaps();
  for (const auto& gap : loss.gaps) {
    loss.changes += gap.changes;
    loss.more_changes = loss.more_changes || gap.changes == 0;
  }
  if (loss.bad_logs.empty() && loss.gaps.empty()) return {};
  // What is in tables is in the new database too, with what is intact in the logs.
  if (!mailboxes()) {
    auto queued = of_queue_.finish(&kv);
    if (!queued) return std::unexpected(queued.error());
    loss.queued = std::move(*queued);
    return {};
  }
  const auto tables = open_tables(old_);
  auto lost = of_mailboxes_.finish(tables ? tables->get() : nullptr);
  if (!lost && tables) lost = of_mailboxes_.finish(nullptr);
  if (!lost) return std::unexpected(lost.error());
  loss.mailboxes = std::move(*lost);
  return {};
}

std::set<Kv::Space> Repairer::damaged_spaces() const {
  std::set<Kv::Space> damaged;
  const bool all = repair_.list_lost || !repair_.loss.gaps.empty() || !repair_.loss.bad_logs.empty();
  for (unsigned space = 0; space < old_.spaces.size(); ++space) {
    const bool hit = std::ranges::any_of(repair_.faults, [&](const io::FileFault& fault) {
      return fault.rows && (fault.space.empty() || fault.space == old_.spaces[space].name);
    });
    if (all || hit) damaged.insert(space);
  }
  return damaged;
}

Result<void> Repairer::settle(io::RocksKv& kv) {
  if (!mailboxes()) {
    // Were the whole folder lost, all bodies in it would be.
    std::error_code error;
    auto nothing = io::EmptyFolder::make();
    if (!nothing) return std::unexpected(nothing.error());
    const bool there = fs::is_directory(new_.blobs, error);
    auto blob = io::FileBlob::open_read_only(there ? new_.blobs : fs::path(nothing->path()));
    if (!blob) return std::unexpected(blob.error());
    auto settled = queue::settle_lost_rows(kv, **blob, damaged_spaces());
    if (!settled) return std::unexpected(settled.error());
    auto& queued = repair_.loss.queued;
    for (auto& entry : settled->lost) {
      if (std::ranges::find(queued, entry.id, &queue::LostEntry::id) == queued.end())
        queued.push_back(std::move(entry));
    }
    repair_.changed = std::move(settled->changed);
    return {};
  }
  if (auto linked = link_files(old_.blobs, new_.blobs); !linked) return linked;
  const auto blob = io::FileBlob::open(new_.blobs);
  if (!blob) return std::unexpected(blob.error());
  return settle_mailboxes(kv, **blob);
}

/// What does not agree in the new database, and nothing mends.
void Repairer::note(const store::Problem& problem) {
  constexpr std::uint64_t kMostTold = 1000;
  if (++repair_.problems > kMostTold) return;
  repair_.notes.push_back(
      fmt::format("{}{}: {}", problem.mailbox.empty() ? "database" : escaped(problem.mailbox, 500),
                  problem.uid == 0 ? "" : fmt::format(", UID {}", problem.uid), escaped(problem.text, 1000)));
}

Result<void> Repairer::settle_mailboxes(io::RocksKv& kv, io::FileBlob& blob) {
  auto settled = store::settle_lost_rows(kv, blob, damaged_spaces());
  if (!settled) return std::unexpected(settled.error());
  for (const auto& one : settled->changed) {
    repair_.changed.push_back(fmt::format("{}{}: {}", escaped(one.mailbox, 500),
                                          one.uid == 0 ? "" : fmt::format(", UID {}", one.uid),
                                          escaped(one.text, 1000)));
  }
  repair_.loss.mailboxes.insert(repair_.loss.mailboxes.end(), settled->lost.begin(), settled->lost.end());
  for (const auto& fault : repair_.faults) {
    if (fault.rows && fault.space == old_.spaces[store::kMessage].name) {
      repair_.notes.push_back(
          fmt::format("{}: messages may be lost, or older than they were: {}", fault.file.filename().string(),
                      escaped(store::between_messages(kv, fault.after, fault.until), 1000)));
    }
  }
  if (auto kept = keep_bodies(kv, settled->loose_bodies); !kept) return kept;
  const auto tell = [&](const store::Problem& problem) {
    // Its name and its UIDVALIDITY are others than people know.
    if (problem.kind == store::Problem::Kind::no_mailbox && problem.mended) {
      repair_.changed.push_back(escaped(problem.mailbox, 500) + ": " + escaped(problem.text, 1000));
    }
  };
  if (auto mended = store::repair(kv, blob, tell); !mended) return std::unexpected(mended.error());
  if (auto set = set_bodies_aside(kv, blob); !set) return set;
  if (repair_.damaged()) {
    const bool counted = !repair_.list_lost && repair_.loss.header_fault.empty() &&
                         !repair_.loss.more_changes &&
                         std::ranges::none_of(repair_.faults, &io::FileFault::rows);
    if (auto skipped = store::skip_given(kv, counted ? repair_.loss.changes : kManyChanges); !skipped)
      return skipped;
    if (auto forgotten = store::forget_vanished(kv); !forgotten) return forgotten;
  }
  const auto checked = store::check(kv, blob, [&](const store::Problem& problem) { note(problem); });
  if (!checked) return std::unexpected(checked.error());
  return {};
}

/// Bodies whose messages are lost, as files that can be imported.
Result<void> Repairer::keep_bodies(const io::RocksKv& kv,
                                   const std::vector<store::SettledRows::LooseBody>& bodies) {
  if (bodies.empty()) return {};
  const auto folder = quarantine() / "bodies";
  for (const auto& [key, of_others] : bodies) {
    const auto body = kv.get(store::kBody, key);
    if (!body) return std::unexpected(body.error());
    const auto place = store::place_of(key).value_or(store::MessagePlace{});
    const auto below = folder / (of_others ? std::string("others") : std::to_string(place.mailbox));
    std::error_code error;
    fs::create_directories(below, error);
    if (error) return fail(Fault::permanent, "make the folder " + below.string() + ": " + error.message());
    auto written = io::replace_synced(below / (of_others ? fmt::format("{}.{}.eml", place.mailbox, place.uid)
                                                         : fmt::format("{}.eml", place.uid)),
                                      body->value_or(""));
    if (!written) return written;
  }
  repair_.notes.push_back(fmt::format(
      "{} of the lost messages have left their bodies, without flags and dates: "
      "they are in bodies/MAILBOX-NUMBER/UID.eml "
      "beside this report, for hikyaku store import; in bodies/others where the mailbox is not known",
      bodies.size()));
  return {};
}

/// What no message has, or a damaged one had, is kept where people find it and readers do not.
Result<void> Repairer::set_bodies_aside(io::RocksKv& kv, io::FileBlob& blob) {
  const auto opened = store::Store::open(kv, blob);
  if (!opened) return std::unexpected(opened.error());
  if (auto dropped = drop_found(**opened); !dropped) return dropped;
  const auto orphans = (*opened)->orphans();
  if (!orphans) return std::unexpected(orphans.error());
  if (!repair_.damaged() || orphans->empty()) {
    for (const auto& name : *orphans) {
      if (auto removed = blob.remove(name); !removed) return removed;
    }
    return {};
  }
  const auto folder = quarantine() / "blobs";
  std::error_code error;
  fs::create_directories(folder, error);
  for (const auto& name : *orphans) {
    if (!error) fs::rename(new_.blobs / name, folder / name, error);
  }
  if (error)
    return fail(Fault::permanent,
                "bring bodies that no message has to " + folder.string() + ": " + error.message());
  repair_.notes.push_back(
      fmt::format("bodies that no message has, or that are damaged, {}: they are in blobs beside this report",
                  orphans->size()));
  return io::sync_path(folder);
}

/// What logs tell of as lost may be in a table; and a message may be told of twice. Each UID alone.
Result<void> Repairer::drop_found(const store::Store& store) {
  std::map<std::pair<std::string, store::Uid>, std::optional<store::LostMessage>> lost;
  for (auto& loss : repair_.loss.mailboxes) {
    for (auto uid = std::uint64_t{loss.first}; uid <= loss.last; ++uid)
      lost[{loss.mailbox, static_cast<store::Uid>(uid)}];
    for (auto& message : loss.known) lost[{loss.mailbox, message.uid}] = message;
  }
  repair_.loss.mailboxes.clear();
  for (auto& [name, message] : lost) {
    const auto& [mailbox, uid] = name;
    const auto found = store.find(mailbox, uid);
    if (found) continue;
    if (found.error().fault != Fault::not_found && found.error().fault != Fault::corrupt)
      return std::unexpected(found.error());
    auto& all = repair_.loss.mailboxes;
    if (all.empty() || all.back().mailbox != mailbox || all.back().last + 1 != uid)
      all.push_back({mailbox, uid, uid, {}});
    all.back().last = uid;
    if (message) all.back().known.push_back(std::move(*message));
  }
  return {};
}

Result<void> Repairer::write_report() {
  // Earlier reports, and what was set aside with them, stay with the database.
  std::error_code error;
  const auto earlier = old_.directory / "quarantine";
  if (fs::is_directory(earlier, error)) {
    for (fs::directory_iterator one(earlier, error), end; !error && one != end; one.increment(error)) {
      const auto to = new_.directory / "quarantine" / one->path().filename();
      if (auto linked = link_files(one->path(), to); !linked) return linked;
      if (auto linked = link_files(one->path() / "blobs", to / "blobs"); !linked) return linked;
    }
    if (error) return fail(Fault::permanent, "list " + earlier.string() + ": " + error.message());
  }
  if (!repair_.damaged()) return {};
  const auto folder = quarantine();
  fs::create_directories(folder, error);
  if (error) return fail(Fault::permanent, "make the folder " + folder.string() + ": " + error.message());
  repair_.report = folder;
  auto written = io::replace_synced(folder / "loss.txt", repair_text(repair_, old_, now_));
  if (written)
    written = io::replace_synced(folder / "loss.json", repair_json(repair_, old_, now_).dump(2) + "\n");
  if (!written) return written;
  for (const auto& path : {folder.parent_path(), new_.directory}) {
    if (auto synced = io::sync_path(path); !synced) return synced;
  }
  return {};
}

Result<void> Repairer::finish(Replace replace) {
  const auto at =
      replace == Replace::yes ? old_.directory : folder_beside(old_.directory, beside::kRepaired, now_);
  auto aside = put_in_place(at, new_.directory, folder_beside(at, beside::kBeforeRepair, now_));
  if (!aside) return std::unexpected(aside.error());
  if (!repair_.report.empty()) repair_.report = io::quarantine_folder(at, now_);
  repair_.made = at;
  repair_.put_aside = std::move(*aside);
  return {};
}

std::string shown_key(const std::string& key) { return key.empty() ? "?" : escaped(key, 100); }

}  // namespace

bool DatabaseRepair::damaged() const {
  return list_lost || !faults.empty() || !loss.header_fault.empty() || !loss.bad_logs.empty() ||
         !loss.gaps.empty() || !loss.mailboxes.empty() || !loss.queued.empty() || !changed.empty() ||
         problems > 0;
}

Result<DatabaseRepair> repair_database(const DatabasePlace& place, Replace replace, Time now,
                                       const io::Progress& progress) {
  return Repairer(place, now, progress).run(replace);
}

nlohmann::json repair_json(const DatabaseRepair& repair, const DatabasePlace& place, Time now) {
  auto json = loss_json(repair.loss, place, now);
  auto faults = nlohmann::json::array(), left_out = nlohmann::json::array();
  for (const auto& fault : repair.faults) {
    faults.push_back({{"file", fault.file.string()},
                      {"space", fault.space},
                      {"reason", fault.reason},
                      {"rows_lost", fault.rows},
                      {"after", escaped(fault.after)},
                      {"until", escaped(fault.until)},
                      {"values_lost", fault.values}});
  }
  for (const auto& path : repair.left_out) left_out.push_back(path.string());
  json["files"] = std::move(faults);
  json["left_out"] = std::move(left_out);
  json["list_of_tables_lost"] = repair.list_lost;
  json["changed"] = repair.changed;
  json["notes"] = repair.notes;
  json["problems_left"] = repair.problems;
  json["rows"] = repair.rows;
  return json;
}

std::string repair_text(const DatabaseRepair& repair, const DatabasePlace& place, Time now) {
  auto text = fmt::format("What is damaged in {}, {}:\n", place.directory.string(), iso_text(now));
  for (const auto& fault : repair.faults) {
    text += fmt::format("  {}{}: {}", fault.file.filename().string(),
                        fault.space.empty() ? "" : " (" + fault.space + ")", fault.reason);
    if (fault.values > 1) text += fmt::format("; and {} more of its large values", fault.values - 1);
    if (fault.rows && fault.values == 0)
      text +=
          fmt::format("; rows between {} and {} may be lost", shown_key(fault.after), shown_key(fault.until));
    text += '\n';
  }
  if (repair.list_lost) {
    text +=
        "The list of tables is lost: what was removed or changed shortly before may be there as it was "
        "before\n";
  }
  for (const auto& path : repair.left_out)
    text += fmt::format("  {}: not used, an older copy or another database's\n", path.filename().string());
  if (std::ranges::any_of(repair.faults, &io::FileFault::rows)) {
    text +=
        "Where rows are lost, a newer copy of one that is there may have been among them, or its removal\n";
  }
  text += loss_text(repair.loss, place, now);
  if (!repair.changed.empty()) text += "Not as they were:\n";
  for (const auto& line : repair.changed) text += "  " + line + '\n';
  for (const auto& line : repair.notes) text += line + '\n';
  return text;
}

}  // namespace hikyaku::serve
