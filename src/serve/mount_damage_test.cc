// Every kind of file of a database, damaged in every way, and what mounting it must make of that.
#include <gmock/gmock.h>

#include "serve/crashed_database.h"

namespace hikyaku::serve {
namespace {

namespace fs = std::filesystem;
using namespace testing_support;
using Names = std::set<std::string>;

enum class Outcome : unsigned char {
  harmless,  ///< it mounts, with all that was acknowledged
  told,     ///< it mounts; mounting or verifying names the file; each message that it held is told as damaged
  forced,   ///< refused with the file's name; by force, all but the reported loss is there
  refused,  ///< also by force, which changes nothing: no log is to blame
};
struct DamageCase {
  Kind kind;
  File file;
  Damage damage;
  Outcome outcome;
};

std::string_view text(Outcome outcome) {
  constexpr std::string_view kTexts[] = {"is_harmless", "is_told", "is_refused_and_can_be_forced",
                                         "is_refused"};
  return kTexts[static_cast<unsigned>(outcome)];
}
std::string name_of(const DamageCase& row) {
  return std::string(row.kind == Kind::queue ? "queue_" : "") + std::string(text(row.file)) + "_" +
         std::string(text(row.damage)) + "_" + std::string(text(row.outcome));
}
void PrintTo(const DamageCase& row, std::ostream* out) { *out << name_of(row); }

/// What `hikyaku store verify` says, and check-logs.
std::string verified(Database& database) {
  std::string told;
  const auto& place = database.place();
  const auto tables = io::check_tables(place.directory, place.spaces, {});
  if (!tables) return tables.error().text;
  for (const auto& table : *tables) {
    if (!table.reason.empty()) told += table.file.string() + ": " + table.reason + '\n';
  }
  const auto bodies = io::check_bodies(place.blobs, {});
  if (!bodies) return told + bodies.error().text;
  for (const auto& body : *bodies) {
    if (!body.reason.empty()) told += body.reason + '\n';
  }
  return told;
}

class MountDamage : public testing::TestWithParam<DamageCase> {
 protected:
  void TearDown() override { fs::remove_all(work); }
  static void TearDownTestSuite() {
    fs::remove_all(fs::temp_directory_path() / ("hikyaku-damage-" + std::to_string(::getpid())));
  }
  const Crashed& origin() const { return crashed(GetParam().kind); }

  void run(const fs::path& file, std::size_t at) {
    SCOPED_TRACE(name_of(GetParam()) + ": " + file.string() + " at " + std::to_string(at));
    fs::remove_all(work);
    fs::copy(origin().at, work, fs::copy_options::recursive);
    const auto other = GetParam().damage == Damage::swapped
                           ? counterpart(crashed(GetParam().kind, true), file, GetParam().file)
                           : fs::path();
    if (!damage_file(work / file, other, GetParam().damage, at)) return;
    ++damages;
    remember();
    EXPECT_TRUE(in_child([&] { examine(file); }));
  }
  void remember() {
    before.clear();
    for (const auto& one : fs::recursive_directory_iterator(work)) {
      const auto name = one.path().filename().string();
      if (one.is_regular_file() && !name.starts_with("LOG") && name != "LOCK")
        before[one.path().lexically_relative(work)] = octets_of(one.path());
    }
  }
  /// Each of the files that `wanted` takes is where it was, or in quarantine.
  template <class Wanted>
  void expect_originals_kept(Wanted wanted) const {
    Names kept;
    for (const auto& one : fs::recursive_directory_iterator(work)) {
      if (one.is_regular_file()) kept.insert(one.path().filename().string() + '\n' + octets_of(one.path()));
    }
    for (const auto& [path, octets] : before) {
      if (wanted(path))
        EXPECT_TRUE(kept.contains(path.filename().string() + '\n' + octets)) << path << " is lost";
    }
  }
  /// All of a database that was not opened. That it was tried, the header may tell.
  void expect_nothing_changed() const {
    expect_originals_kept([](const fs::path& path) { return path.filename() != "header"; });
  }
  /// What the engine is not allowed to do away with.
  void expect_originals_kept_after_force(const fs::path& damaged) const {
    expect_originals_kept(
        [&](const fs::path& path) { return path == damaged || path.parent_path().filename() == "blobs"; });
  }

  void examine(const fs::path& file) {
    const auto database = database_of(GetParam().kind, work);
    const auto expected = expected_after(origin().history);
    std::vector<std::string> notes;
    const auto mounted = database->mount(notes);
    std::string told = mounted ? "" : mounted.error().text;
    for (const auto& note : notes) told += note + '\n';
    switch (GetParam().outcome) {
      case Outcome::harmless: {
        ASSERT_TRUE(mounted.has_value()) << told;
        EXPECT_EQ(database->contents().whole, expected);
        EXPECT_THAT(database->contents().unreadable, testing::IsEmpty());
        EXPECT_THAT(database->problems(), testing::IsEmpty());
        break;
      }
      case Outcome::told: {
        if (mounted) {
          expect_all_else_is_there(*database, file);
          told += testing::PrintToString(database->problems());
        } else {
          EXPECT_THAT(told, testing::HasSubstr(file.filename().string()));
        }
        EXPECT_THAT((mounted ? told : "") + verified(*database),
                    testing::HasSubstr(file.filename().string()));
        break;
      }
      case Outcome::refused:
        ASSERT_FALSE(mounted.has_value());
        expect_refused(*database, file, told);
        break;
      case Outcome::forced:
        ASSERT_FALSE(mounted.has_value());
        EXPECT_THAT(told, testing::HasSubstr(file.filename().string()));
        if (GetParam().damage == Damage::bit && GetParam().file != File::header)
          EXPECT_THAT(told, testing::HasSubstr("at offset"));
        expect_nothing_changed();
        force(*database, file);
        break;
    }
  }

  void expect_refused(Database& database, const fs::path& file, const std::string& told) {
    EXPECT_THAT(told, testing::HasSubstr(file.filename().string()));
    auto mount = DatabaseMount::open(database.place(), {});
    std::string told_by_force = mount ? "" : mount.error().text;
    if (mount) {
      EXPECT_FALSE(mount->needs_force());
      std::vector<std::string> notes;
      const auto completed = mount->complete(kBegin, notes);
      ASSERT_FALSE(completed.has_value());
      told_by_force = completed.error().text;
    }
    EXPECT_THAT(told_by_force, testing::HasSubstr(file.filename().string()));
    expect_nothing_changed();
  }

  /// Messages that can't be read are told one by one, and are those of the damaged file.
  void expect_all_else_is_there(Database& database, const fs::path& file) {
    const auto found = database.contents();
    const auto expected = expected_after(origin().history);
    Names in_file;
    for (const auto& one : origin().history) {
      if (one.kind == '+' && one.blob == file.filename().string()) in_file.insert(one.name);
    }
    for (const auto& [name, sum] : expected) {
      const auto there = found.whole.find(name);
      if (there != found.whole.end()) {
        // Reading a part of a large body does not read all of it: verifying says so.
        if (!in_file.contains(name)) EXPECT_EQ(there->second, sum) << name << " has other octets";
        continue;
      }
      const auto mailbox = name.substr(0, name.find(':'));
      const bool said = found.unreadable.contains(name) || found.unreadable.contains(mailbox) ||
                        found.unreadable.contains("the list of mailboxes") ||
                        found.unreadable.contains("the queue");
      EXPECT_TRUE(said) << name << " is missing, and nothing says so";
      if (GetParam().file == File::body) EXPECT_TRUE(in_file.contains(name)) << name;
    }
  }

  void force(Database& database, const fs::path& file) {
    auto mount = DatabaseMount::open(database.place(), {});
    ASSERT_TRUE(mount.has_value()) << mount.error().text;
    ASSERT_TRUE(mount->needs_force());
    const auto loss = mount->foretell();
    ASSERT_TRUE(loss.has_value()) << loss.error().text;
    const auto folder = mount->force(*loss, kBegin);
    ASSERT_TRUE(folder.has_value()) << folder.error().text;
    std::vector<std::string> notes;
    const auto completed = mount->complete(kBegin, notes);
    ASSERT_TRUE(completed.has_value()) << completed.error().text;
    expect_originals_kept_after_force(file);
    EXPECT_TRUE(fs::exists(*folder / "loss.txt"));
    const auto remounted = database.mount(notes);
    ASSERT_TRUE(remounted.has_value()) << remounted.error().text;
    const auto found = database.contents();
    // What was changed after its loss has a row again, and no body.
    auto problems = database.problems();
    std::erase_if(problems, [](const auto& one) { return one.starts_with("no body "); });
    EXPECT_THAT(problems, testing::IsEmpty());
    expect_loss(*loss, found, loss_text(*loss, database.place(), kBegin));
    expect_originals_kept_after_force(file);  // the hub's start takes nothing away either
    database.close();
    expect_second_force_does_nothing(database, found);
    History more;
    const auto changed = database.change(5000, more);
    ASSERT_TRUE(changed.has_value()) << changed.error().text;
    for (const auto& one : more) {
      if (one.kind == '+')
        EXPECT_TRUE(
            std::ranges::none_of(origin().history, [&](const auto& old) { return old.name == one.name; }))
            << one.name << " was given before";
    }
  }

  /// The reported loss is the real one.
  void expect_loss(const MountLoss& loss, const Contents& found, const std::string& report) {
    const auto in_gap = [&](const Acknowledged& one) {
      return std::ranges::any_of(loss.gaps, [&](const io::LogGap& gap) {
        return gap.first_change <= one.last && one.first < gap.first_change + gap.changes;
      });
    };
    Names told;
    for (const auto& one : loss.mailboxes) {
      for (auto uid = one.first; uid <= one.last; ++uid) told.insert(one.mailbox + ':' + std::to_string(uid));
    }
    for (const auto& one : loss.queued) told.insert(one.id.text());
    const auto& history = origin().history;
    const auto expected = expected_after(history);
    std::map<std::string, store::Uid> last;  // of each mailbox, that is there
    for (const auto& [name, sum] : found.whole) {
      if (const auto colon = name.find(':'); colon != std::string::npos) {
        auto& uid = last[name.substr(0, colon)];
        uid = std::max(uid, static_cast<store::Uid>(std::stoul(name.substr(colon + 1))));
      }
    }
    const auto any = [&](char kind, const std::string& name, bool is_in_gap) {
      return std::ranges::any_of(history, [&](const auto& one) {
        return one.kind == kind && one.name == name && in_gap(one) == is_in_gap;
      });
    };
    for (const auto& [name, why] : found.unreadable) {
      // One whose removal is lost may have come back without its body.
      EXPECT_TRUE(told.contains(name) || any('-', name, true)) << name << ": " << why;
    }
    Names lost;
    for (const auto& one : history) {
      if (one.kind != '+' || !expected.contains(one.name)) continue;
      const auto there = found.whole.find(one.name);
      // A record that was written again behind the gap is all of a message whose body is a file.
      const bool written_again = !one.blob.empty() && any('~', one.name, false);
      const bool must_be_lost = in_gap(one) && one.first > origin().in_tables && !written_again;
      EXPECT_EQ(there == found.whole.end(), must_be_lost)
          << one.name << " of the changes " << one.first << "-" << one.last << "\n"
          << report;
      if (there != found.whole.end()) {
        EXPECT_EQ(there->second, one.checksum) << one.name;
        continue;
      }
      lost.insert(one.name);
      // UIDs at the end, and what stood in a queue, are told as far as damaged records still tell.
      const auto colon = one.name.find(':');
      const bool must_be_known = colon != std::string::npos && last.contains(one.name.substr(0, colon)) &&
                                 std::stoul(one.name.substr(colon + 1)) < last.at(one.name.substr(0, colon));
      if (must_be_known)
        EXPECT_TRUE(told.contains(one.name)) << one.name << " is lost and not told\n" << report;
    }
    for (const auto& one : told) {
      // A message that was removed later, its removal being lost too, may be told.
      EXPECT_TRUE(lost.contains(one) || (!found.whole.contains(one) && !expected.contains(one)))
          << one << " is told as lost and is there\n"
          << report;
    }
    for (const auto& [name, sum] : found.whole) {
      if (expected.contains(name)) continue;
      EXPECT_TRUE(any('-', name, true)) << name << " came back";
    }
    EXPECT_LE(lost.size(), most_lost()) << report;
  }
  std::size_t most_lost() const {
    if (GetParam().file == File::header) return 0;
    switch (GetParam().damage) {
      case Damage::bit:
        return 3;  // one delivery to three mailboxes
      case Damage::zeroed_block:
        return 30;
      default:
        return origin().history.size();
    }
  }

  void expect_second_force_does_nothing(Database& database, const Contents& found) {
    {
      auto again = DatabaseMount::open(database.place(), {});
      ASSERT_TRUE(again.has_value()) << again.error().text;
      EXPECT_FALSE(again->needs_force());
      std::vector<std::string> notes;
      ASSERT_TRUE(again->complete(kBegin, notes).has_value());
      EXPECT_THAT(notes, testing::IsEmpty());
    }
    std::vector<std::string> notes;
    ASSERT_TRUE(database.mount(notes).has_value());
    EXPECT_EQ(database.contents().whole, found.whole);
  }

  const fs::path work = fs::temp_directory_path() / ("hikyaku-damaged-" + std::to_string(::getpid()));
  std::map<fs::path, std::string> before;
  int damages = 0;  ///< files that were another thing afterwards
};

TEST_P(MountDamage, IsAsTheTableSays) {
  for (const auto& file : files_of(origin(), GetParam().file)) {
    for (const auto at : places_in(fs::file_size(origin().at / file), GetParam().damage)) run(file, at);
  }
  EXPECT_GT(damages, 0);
}

/// The table: a row a kind of file, a column a damage.
std::vector<DamageCase> rows() {
  using enum Outcome;
  constexpr Damage kDamages[] = {Damage::bit,     Damage::zeroed_block, Damage::half,
                                 Damage::emptied, Damage::removed,      Damage::swapped};
  const std::vector<std::pair<File, std::vector<Outcome>>> table{
      // bit, zeroed block, half, emptied, removed, swapped
      {File::oldest_log, {forced, forced, forced, forced, forced, forced}},
      {File::middle_log, {forced, forced, forced, forced, forced, forced}},
      {File::newest_log, {forced, forced, forced, forced, forced, forced}},
      {File::table, {told, told, refused, refused, refused, refused}},
      {File::large_values, {told, told, told, told, told, told}},
      {File::manifest, {refused, refused, refused, refused, refused, refused}},
      {File::current, {refused, refused, refused, refused, refused, refused}},
      {File::options, {harmless, harmless, harmless, harmless, harmless, harmless}},
      {File::identity, {harmless, harmless, harmless, harmless, harmless, harmless}},
      {File::header, {harmless, harmless, harmless, forced, forced, forced}},
      {File::body, {told, told, told, told, told, told}},
  };
  std::vector<DamageCase> all;
  for (const auto kind : {Kind::mailboxes, Kind::queue}) {
    for (const auto& [file, outcomes] : table) {
      for (std::size_t i = 0; i < outcomes.size(); ++i) {
        // The engine and the header are the same code for both.
        const bool same = kind == Kind::queue && file >= File::table && file <= File::identity;
        if (!same || nightly() || !kSanitized) all.push_back({kind, file, kDamages[i], outcomes[i]});
      }
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(, MountDamage, testing::ValuesIn(rows()),
                         [](const auto& row) { return name_of(row.param); });

}  // namespace
}  // namespace hikyaku::serve
