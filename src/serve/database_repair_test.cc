// Every kind of file of a database, damaged in every way, and what repairing it makes of that.
#include "serve/database_repair.h"

#include <gmock/gmock.h>

#include "io/mapped_file.h"
#include "io/table_rows.h"
#include "serve/crashed_database.h"

namespace hikyaku::serve {
namespace {

namespace fs = std::filesystem;
using namespace testing_support;
using Names = std::set<std::string>;
using Files = std::map<fs::path, std::string>;

struct RepairCase {
  Kind kind;
  File file;
  Damage damage;
};
std::string name_of(const RepairCase& row) {
  return (row.kind == Kind::queue ? "queue_" : "mailboxes_") + std::string(text(row.file)) + "_" +
         std::string(text(row.damage));
}
void PrintTo(const RepairCase& row, std::ostream* out) { *out << name_of(row); }

/// All files below, but those that the engine makes when it is asked to read.
Files files_below(const fs::path& at) {
  Files all;
  for (const auto& one : fs::recursive_directory_iterator(at)) {
    if (one.is_regular_file()) all[one.path().lexically_relative(at)] = octets_of(one.path());
  }
  return all;
}

Names told(const MountLoss& loss) {
  Names all;
  for (const auto& one : loss.mailboxes) {
    for (auto uid = one.first; uid <= one.last; ++uid) all.insert(one.mailbox + ':' + std::to_string(uid));
  }
  for (const auto& one : loss.queued) all.insert(one.id.text());
  return all;
}

/// All rows of the spaces that do not change by opening.
std::map<std::string, std::string> rows_of(const io::RocksKv& kv, const DatabasePlace& place) {
  std::map<std::string, std::string> all;
  for (unsigned space = 0; space < place.spaces.size(); ++space) {
    const auto rows = kv.scan(space, {}, {}, 1'000'000).value();
    for (const auto& [key, value] : rows) all[place.spaces[space].name + ' ' + key] = value;
  }
  return all;
}

class DatabaseRepairs : public testing::TestWithParam<RepairCase> {
 protected:
  void TearDown() override { fs::remove_all(work); }
  const Crashed& origin() const { return crashed(GetParam().kind); }

  void copy_origin() {
    fs::remove_all(work);
    fs::copy(origin().at, work, fs::copy_options::recursive);
  }
  /// The new database in the old one's place, as the administrator is told to do it.
  void move_in_place(const DatabaseRepair& repair, const DatabasePlace& place) {
    fs::rename(place.directory, place.directory.string() + ".damaged");
    fs::rename(repair.made, place.directory);
  }

  void run(const fs::path& file, std::size_t at) {
    SCOPED_TRACE(name_of(GetParam()) + ": " + file.string() + " at " + std::to_string(at));
    copy_origin();
    const auto other = GetParam().damage == Damage::swapped
                           ? counterpart(crashed(GetParam().kind, true), file, GetParam().file)
                           : fs::path();
    space_ = file.extension() == ".sst"
                 ? io::TableRows(io::MappedFile::open(work / file).value().contents()).facts().space
                 : "";
    if (!damage_file(work / file, other, GetParam().damage, at)) return;
    ++damages;
    EXPECT_TRUE(in_child([&] { examine(file); }));
  }

  void examine(const fs::path& file) {
    const auto database = database_of(GetParam().kind, work);
    const auto before = files_below(work);
    const auto repair = repair_database(database->place(), Replace::no, kBegin, {});
    ASSERT_TRUE(repair.has_value()) << repair.error().text;
    const auto report = repair_text(*repair, database->place(), kBegin);
    const auto after = files_below(work);
    for (const auto& [path, octets] : before) {
      ASSERT_TRUE(after.contains(path)) << path;
      EXPECT_EQ(after.at(path), octets) << path;
    }
    const bool silent = GetParam().file == File::options;
    if (!silent && repair->damaged()) EXPECT_THAT(report, testing::HasSubstr(file.filename().string()));
    EXPECT_EQ(fs::exists(repair->made / "quarantine" / file_name_text(kBegin) / "loss.txt"),
              repair->damaged());
    EXPECT_THAT(repair->notes, testing::Not(testing::Contains(testing::HasSubstr("can't be"))));
    move_in_place(*repair, database->place());
    std::vector<std::string> notes;
    const auto mounted = database->mount(notes);
    ASSERT_TRUE(mounted.has_value()) << mounted.error().text;
    EXPECT_THAT(database->problems(), testing::IsEmpty()) << report;
    const auto found = database->contents();
    EXPECT_THAT(found.unreadable, testing::IsEmpty()) << report;
    expect_loss(*repair, found, report);
    expect_no_uid_twice(*database);
    database->close();
    const auto tables = io::check_tables(database->place().directory, database->place().spaces, {});
    ASSERT_TRUE(tables.has_value());
    for (const auto& table : *tables) EXPECT_EQ(table.reason, "") << table.file;
  }

  /// The reported loss is the real one.
  void expect_loss(const DatabaseRepair& repair, const Contents& found, const std::string& report) {
    const auto in_gap = [&](const Acknowledged& one) {
      return std::ranges::any_of(repair.loss.gaps, [&](const io::LogGap& gap) {
        return gap.first_change <= one.last && one.first < gap.first_change + gap.changes;
      });
    };
    const auto& history = origin().history;
    const auto expected = expected_after(history);
    const auto said = told(repair.loss);
    const bool of_logs = !repair.loss.gaps.empty();
    Names lost;
    for (const auto& one : history) {
      if (one.kind != '+' || !expected.contains(one.name)) continue;
      const auto there = found.whole.find(one.name);
      if (there != found.whole.end()) {
        EXPECT_EQ(there->second, one.checksum) << one.name;
        continue;
      }
      lost.insert(one.name);
      if (of_logs) {
        EXPECT_TRUE(in_gap(one)) << one.name << " was in no gap\n" << report;
      } else {
        EXPECT_TRUE(said.contains(one.name)) << one.name << " is lost and not told\n" << report;
      }
    }
    for (const auto& one : said) {
      EXPECT_TRUE(lost.contains(one) || !expected.contains(one)) << one << " is told as lost and is there\n"
                                                                 << report;
      if (!of_logs) EXPECT_TRUE(expected.contains(one)) << one << " was not there before\n" << report;
    }
    for (const auto& [name, sum] : found.whole) {
      if (expected.contains(name)) continue;
      const bool may = std::ranges::any_of(
          history, [&](const auto& one) { return one.kind == '-' && one.name == name && in_gap(one); });
      EXPECT_TRUE(may) << name << " came back\n" << report;
    }
    if (may_lose_nothing()) EXPECT_THAT(lost, testing::IsEmpty()) << report;
  }
  /// What stands in these is known from elsewhere, or is no message.
  bool may_lose_nothing() const {
    switch (GetParam().file) {
      case File::manifest:
      case File::current:
      case File::options:
      case File::identity:
      case File::header:
        return true;
      case File::table:
        return space_ != "message" && space_ != "body" && space_ != "entry";
      default:
        return false;
    }
  }
  void expect_no_uid_twice(Database& database) {
    History more;
    const auto changed = database.change(5000, more);
    ASSERT_TRUE(changed.has_value()) << changed.error().text;
    for (const auto& one : more) {
      if (one.kind != '+') continue;
      EXPECT_TRUE(
          std::ranges::none_of(origin().history, [&](const auto& old) { return old.name == one.name; }))
          << one.name << " was given before";
    }
  }

  const fs::path work = fs::temp_directory_path() / ("hikyaku-repaired-" + std::to_string(::getpid()));
  std::string space_;  ///< of the damaged table
  int damages = 0;     ///< files that were another thing afterwards
};

/// Of tables all, for each space is settled in its own way.
std::vector<fs::path> damaged_files(const Crashed& crashed, const RepairCase& row) {
  const bool all = row.file == File::table && (row.damage == Damage::removed || nightly());
  if (!all || kSanitized) return files_of(crashed, row.file);
  std::vector<fs::path> tables;
  for (const auto& one : fs::directory_iterator(crashed.database() / "db")) {
    if (one.path().extension() == ".sst") tables.push_back(one.path().lexically_relative(crashed.at));
  }
  std::ranges::sort(tables);
  return tables;
}

TEST_P(DatabaseRepairs, LosesNothingElseAndTellsWhatIsLost) {
  for (const auto& file : damaged_files(origin(), GetParam())) {
    for (const auto at : places_in(fs::file_size(origin().at / file), GetParam().damage)) run(file, at);
  }
  EXPECT_GT(damages, 0);
}

/// Beside a nightly run those that are not much like another.
bool chosen(const RepairCase& row) {
  const bool one_of_two = row.damage == Damage::bit || row.damage == Damage::removed;
  if (row.file == File::oldest_log || row.file == File::newest_log)
    return one_of_two && row.kind == Kind::mailboxes;
  if (row.kind == Kind::mailboxes) return row.file != File::options || row.damage == Damage::removed;
  return one_of_two && (row.file == File::middle_log || row.file == File::table ||
                        row.file == File::large_values || row.file == File::body);
}

std::vector<RepairCase> rows() {
  std::vector<RepairCase> all;
  for (const auto kind : {Kind::mailboxes, Kind::queue}) {
    for (auto file = File::oldest_log; file <= File::body;
         file = static_cast<File>(static_cast<int>(file) + 1)) {
      for (const auto damage : {Damage::bit, Damage::zeroed_block, Damage::half, Damage::emptied,
                                Damage::removed, Damage::swapped}) {
        const RepairCase row{kind, file, damage};
        if (nightly() || chosen(row)) all.push_back(row);
      }
    }
  }
  return all;
}
INSTANTIATE_TEST_SUITE_P(, DatabaseRepairs, testing::ValuesIn(rows()),
                         [](const auto& row) { return name_of(row.param); });

class WholeDatabase : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    fs::remove_all(work);
    fs::copy(crashed(GetParam()).at, work, fs::copy_options::recursive);
  }
  void TearDown() override { fs::remove_all(work); }
  static void TearDownTestSuite() {
    fs::remove_all(fs::temp_directory_path() / ("hikyaku-damage-" + std::to_string(::getpid())));
  }
  const fs::path work = fs::temp_directory_path() / ("hikyaku-repaired-" + std::to_string(::getpid()));
};

TEST_P(WholeDatabase, HasEachRowInTheNewOne) {
  EXPECT_TRUE(in_child([&] {
    const auto database = database_of(GetParam(), work);
    const auto repair = repair_database(database->place(), Replace::yes, kBegin, {});
    ASSERT_TRUE(repair.has_value()) << repair.error().text;
    EXPECT_FALSE(repair->damaged()) << repair_text(*repair, database->place(), kBegin);
    EXPECT_EQ(repair->report, "");
    EXPECT_EQ(repair->made, database->place().directory);
    std::vector<std::string> notes;
    auto old = database->place().options(kBegin);
    old.directory = repair->put_aside;
    auto kept = io::RocksKv::open(old, notes);
    ASSERT_TRUE(kept.has_value()) << kept.error().text;
    const auto wanted = rows_of(**kept, database->place());
    kept->reset();
    const auto made = io::RocksKv::open(database->place().options(kBegin), notes);
    ASSERT_TRUE(made.has_value()) << made.error().text;
    EXPECT_EQ(rows_of(**made, database->place()), wanted);
    EXPECT_GT(wanted.size(), 500U);
  }));
}

/// It is killed after each of its steps; the next run does all, and nothing is left of those before.
TEST_P(WholeDatabase, IsMadeAlsoAfterRunsThatWereKilled) {
  const auto database = database_of(GetParam(), work);
  const auto before = files_below(work);
  const auto expected = expected_after(crashed(GetParam()).history);
  int killed = 0;
  for (unsigned step = 0; step < 12; ++step) {
    const auto child = ::fork();
    if (child == 0) {
      unsigned calls = 0;
      const auto stop = [&](std::uint64_t, std::uint64_t) {
        if (calls++ == step) ::_exit(9);
      };
      (void)repair_database(database->place(), Replace::no, kBegin + std::chrono::seconds{step}, stop);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WEXITSTATUS(status) == 9) ++killed;
  }
  EXPECT_GT(killed, 4);
  EXPECT_TRUE(in_child([&] {
    const auto repair =
        repair_database(database->place(), Replace::yes, kBegin + std::chrono::seconds{60}, {});
    ASSERT_TRUE(repair.has_value()) << repair.error().text;
    for (const auto& one : fs::directory_iterator(work))
      EXPECT_THAT(one.path().string(), testing::Not(testing::HasSubstr(".repairing-")));
    for (const auto& [path, octets] : before) {
      const auto inside = path.lexically_relative(database->place().directory.filename());
      const auto at = path.string().starts_with("blobs") ? work / path : repair->put_aside / inside;
      if (inside != "history" && fs::exists(at)) EXPECT_EQ(octets_of(at), octets) << at;
    }
    std::vector<std::string> notes;
    ASSERT_TRUE(database->mount(notes).has_value());
    EXPECT_EQ(database->contents().whole, expected);
  }));
}

TEST_P(WholeDatabase, ThatIsOpenIsNotTouched) {
  EXPECT_TRUE(in_child([&] {
    const auto database = database_of(GetParam(), work);
    std::vector<std::string> notes;
    ASSERT_TRUE(database->mount(notes).has_value());
    const auto repair = repair_database(database->place(), Replace::yes, kBegin, {});
    ASSERT_FALSE(repair.has_value());
    EXPECT_EQ(repair.error().fault, Fault::temporary);
  }));
}

INSTANTIATE_TEST_SUITE_P(, WholeDatabase, testing::Values(Kind::mailboxes, Kind::queue), [](const auto& row) {
  return std::string(row.param == Kind::queue ? "queue" : "mailboxes");
});

}  // namespace
}  // namespace hikyaku::serve
