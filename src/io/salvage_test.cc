#include "io/salvage.h"

#include <map>
#include <random>
#include <set>

#include "io/rocks_fixture.h"

namespace hikyaku::io {
namespace {

using namespace testing_support;
using testing::HasSubstr;

/// 600 acknowledged messages in several logs, none of them in a table, and a crash.
class SalvageTest : public RocksFixture {
 protected:
  struct Told {
    std::set<std::string> intact, damaged;  // keys of entries
    std::vector<LogGap> gaps;
    bool needed = false;
  };
  Told tell() const {
    auto salvage = Salvage::open(directory).value();
    Told told;
    told.needed = salvage.needed();
    const auto read = salvage.read(
        [&](const SalvagedRow& row) {
          if (row.space == kEntry) (row.intact ? told.intact : told.damaged).insert(std::string(row.key));
        },
        {});
    EXPECT_TRUE(read.has_value());
    told.gaps = salvage.gaps();
    return told;
  }
  void force() const {
    auto salvage = Salvage::open(directory).value();
    ASSERT_TRUE(salvage.read({}, {}).has_value());
    const auto done = salvage.carry_out(quarantine(), {{"loss.txt", "a report\n"}});
    ASSERT_TRUE(done.has_value()) << done.error().text;
  }
  /// What is missing after a forced mount, which must be what was foretold and no more.
  std::set<std::string> lost() {
    std::set<std::string> gone;
    for (int i = 0; i < 600; ++i) {
      const bool entry = kv->get(kEntry, key(i)).value().has_value();
      const bool body = kv->get(kBody, key(i)).value().has_value();
      EXPECT_TRUE(!entry || body) << "an entry without its body: " << i;
      if (!entry) gone.insert(key(i));
    }
    return gone;
  }
  /// Damages a crashed database, has it mounted by force, and compares.
  void expect(const std::function<void(const std::vector<fs::path>&)>& damage, std::size_t at_most_lost) {
    in_child([this] {
      open();  // so that no log is the very first of the database
      ASSERT_TRUE(kv->commit(message(800), Kv::Durability::synced).has_value());
    });
    crash_with_logs();
    auto all = logs();
    std::erase_if(all, [](const auto& log) { return fs::file_size(log) == 0; });
    ASSERT_GE(all.size(), 3U);
    damage(all);
    std::map<std::string, std::string> originals;
    for (const auto& log : logs()) originals[log.filename().string()] = contents(log);
    Told told;
    in_child([&] {
      EXPECT_FALSE(try_open().has_value()) << "not without force";
      told = tell();
      EXPECT_TRUE(told.needed);
      ASSERT_FALSE(told.gaps.empty());
      force();
      const auto folder = quarantine();
      EXPECT_EQ(contents(folder / "loss.txt"), "a report\n");
      for (const auto& log : logs()) {
        // An original is where it was, or in quarantine.
        const auto& original = originals[log.filename().string()];
        EXPECT_TRUE(contents(log) == original || contents(folder / log.filename()) == original) << log;
      }
      open();
      EXPECT_TRUE(notes.empty());
      const auto gone = lost();
      EXPECT_LE(gone.size(), at_most_lost);
      // Each message is three changes. Some of what an older log holds is in tables already.
      std::uint64_t changes = 0;
      for (const auto& gap : told.gaps) changes += gap.changes;
      EXPECT_GE(changes, 3U);
      EXPECT_EQ(changes % 3, 0U);
      EXPECT_LE(3 * gone.size(), changes);
      EXPECT_LE(changes, 3 * at_most_lost);
      if (told.gaps[0].file == all.back()) EXPECT_EQ(3 * gone.size(), changes);
      for (const auto& one : told.intact) EXPECT_FALSE(gone.contains(one)) << one;
      ASSERT_TRUE(kv->commit(message(700), Kv::Durability::synced).has_value());
      open();
      EXPECT_EQ(lost(), gone);
      EXPECT_TRUE(kv->get(kEntry, key(700)).value().has_value());
    });
  }
  static std::string contents(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

TEST_F(SalvageTest, OneBadOctetInTheMiddleCostsOneMessage) {
  expect([](const auto& all) { flip(all[1], fs::file_size(all[1]) / 2); }, 1);
}

TEST_F(SalvageTest, OneBadOctetInTheFirstLogCostsOneMessage) {
  expect([](const auto& all) { flip(all.front(), 100); }, 1);
}

TEST_F(SalvageTest, OneBadOctetInTheLastMessageCostsThatOne) {
  expect([](const auto& all) { flip(all.back(), fs::file_size(all.back()) - 20); }, 1);
}

TEST_F(SalvageTest, AZeroedBlockCostsTheMessagesInIt) {
  expect(
      [](const auto& all) {
        std::fstream file(all[1], std::ios::binary | std::ios::in | std::ios::out);
        file.seekp(40960);
        file << std::string(4096, '\0');
      },
      3);
}

TEST_F(SalvageTest, ALogCutInTheMiddleOfTheLogsKeepsWhatIsBeforeAndBehind) {
  expect([](const auto& all) { fs::resize_file(all[1], fs::file_size(all[1]) - 10000); }, 4);
}

TEST_F(SalvageTest, AnAcknowledgedEndThatIsGoneIsCounted) {
  expect([](const auto& all) { fs::resize_file(all.back(), fs::file_size(all.back()) - 10000); }, 4);
}

TEST_F(SalvageTest, AMissingLogCostsWhatWasInIt) {
  expect([](const auto& all) { fs::remove(all[1]); }, 500);
}

/// Whatever spaces a commit is spread over, and whichever of them filled their memory first.
TEST_F(SalvageTest, AMissingLogLosesACommitWholeOrNotAtAll) {
  constexpr int kCommits = 1500;
  crash_after([](RocksKv& child) {
    std::minstd_rand random(7);
    for (int i = 0; i < kCommits; ++i) {
      if (i == kCommits - 200) stop_making_tables();
      Kv::Batch batch;
      // Now this space grows faster, now that one.
      const auto space = static_cast<Kv::Space>(i / 150 % 2);
      batch.put(space == 0 ? kEntry : kBody, key(i), std::string(6000 + random() % 3000, 'l'));
      batch.put(space == 0 ? kBody : kEntry, key(i), std::string(1 + random() % 100, 's'));
      if (i % 400 == 0) batch.put(kLedger, key(i), "why");
      if (!child.commit(batch, Kv::Durability::synced)) ::_exit(2);
    }
  });
  const auto all = logs();
  ASSERT_GE(all.size(), 2U);
  const fs::path crashed = directory.string() + "-crashed";
  fs::remove_all(crashed);
  fs::rename(directory, crashed);
  in_child([&] {
    int lost = 0;
    for (const auto& log : all) {
      kv.reset();
      fs::remove_all(directory);
      fs::copy(crashed, directory, fs::copy_options::recursive);
      fs::remove(log);
      force();
      open();
      for (int i = 0; i < kCommits; ++i) {
        const bool entry = kv->get(kEntry, key(i)).value().has_value();
        EXPECT_EQ(entry, kv->get(kBody, key(i)).value().has_value()) << "half a commit: " << i;
        lost += !entry;
      }
    }
    EXPECT_GT(lost, 0) << "the last log is in no table";
  });
  fs::remove_all(crashed);
}

TEST_F(SalvageTest, ALogThatWasReplacedByAnotherIsNotTakenIn) {
  expect([](const auto& all) { fs::copy_file(all[0], all[1], fs::copy_options::overwrite_existing); }, 500);
}

TEST_F(SalvageTest, WithNothingWrongThereIsNothingToDo) {
  crash_with_logs(50);
  in_child([this] {
    const auto told = tell();
    EXPECT_FALSE(told.needed);
    EXPECT_TRUE(told.gaps.empty());
    EXPECT_EQ(told.intact.size(), 50U);
    open();
    EXPECT_EQ(Salvage::open(directory).error().fault, Fault::temporary) << "it is open";
  });
}

TEST_F(SalvageTest, ATornEndIsNoGap) {
  crash_with_logs(50);
  std::ofstream(logs().back(), std::ios::app | std::ios::binary) << std::string(300, 'x');
  in_child([this] { EXPECT_TRUE(tell().gaps.empty()); });
}

/// The process may end after each of its steps: what was there is there, and it can be done again.
TEST_F(SalvageTest, ASecondForceAfterOneThatWasCutShortEndsTheSame) {
  crash_with_logs();
  flip(logs()[0], fs::file_size(logs()[0]) / 2);
  flip(logs()[1], fs::file_size(logs()[1]) / 2);
  const auto second = contents(logs()[1]);
  const auto path = logs()[1];
  in_child([&] {
    force();
    // As if it had ended after the first of the two.
    std::ofstream(path, std::ios::binary | std::ios::trunc) << second;
    EXPECT_FALSE(try_open().has_value());
    EXPECT_TRUE(tell().needed);
    force();
    open();
    EXPECT_LE(lost().size(), 2U);
  });
}

TEST_F(SalvageTest, ACrashBeforeTheSalvagedLogsAreInTablesNeedsNoSecondForce) {
  crash_with_logs();
  flip(logs()[1], fs::file_size(logs()[1]) / 2);
  in_child([this] { force(); });
  crash_after([](RocksKv&) {});
  in_child([this] {
    open();
    EXPECT_LE(lost().size(), 1U);
  });
}

}  // namespace
}  // namespace hikyaku::io
