#include "io/backup_set.h"

#include <rocksdb/db.h>

#include <atomic>
#include <map>
#include <thread>

#include "io/group_committer.h"
#include "io/log_replay.h"
#include "io/rocks_fixture.h"

namespace hikyaku::io {
namespace {

using namespace testing_support;
using testing::HasSubstr;

class BackupTest : public RocksFixture {
 protected:
  void SetUp() override {
    RocksFixture::SetUp();
    set = directory.string() + "-set";
    restored = directory.string() + "-restored";
    fs::remove_all(set);
    fs::remove_all(restored);
  }
  void TearDown() override {
    bodies.reset();
    RocksFixture::TearDown();
    fs::remove_all(set);
    fs::remove_all(restored);
  }
  RocksKv::Options keeping_logs() const {
    auto all = options();
    all.log_lifetime = std::chrono::hours{1};
    return all;
  }
  void begin() {
    const auto opened = try_open(keeping_logs());
    ASSERT_TRUE(opened.has_value()) << opened.error().text;
    bodies = FileBlob::open(directory / "blobs").value();
  }
  void write(int from, int to) {
    for (int i = from; i < to; ++i)
      ASSERT_TRUE(kv->commit(message(i), Kv::Durability::written).has_value()) << i;
    ASSERT_TRUE(kv->commit({}, Kv::Durability::synced).has_value());
  }
  void put_body(const std::string& name, const std::string& octets) {
    auto writer = bodies->put(name).value();
    ASSERT_TRUE(writer->write(octets).has_value());
    ASSERT_TRUE(writer->finish().has_value());
  }
  Backup add() {
    auto opened = BackupSet::open(set);
    EXPECT_TRUE(opened.has_value()) << opened.error().text;
    const auto added = opened->add(*kv, *bodies, now, {});
    EXPECT_TRUE(added.has_value()) << added.error().text;
    return *added;
  }
  /// Restores and opens it in place of the other.
  void restore(std::uint32_t number) {
    kv.reset();
    fs::remove_all(restored);
    const auto done = BackupSet::open_read_only(set).value().restore(number, restored, {});
    ASSERT_TRUE(done.has_value()) << done.error().text;
    auto how = options();
    how.directory = restored;
    const auto opened = try_open(how);
    ASSERT_TRUE(opened.has_value()) << opened.error().text;
    EXPECT_THAT(notes, testing::IsEmpty());
  }
  std::vector<BackupFault> faults() const {
    return BackupSet::open_read_only(set).value().verify({}).value();
  }
  /// 0..count-1 are there whole and nothing else is.
  void expect_messages(int count) {
    EXPECT_EQ(entries(), count);
    for (int i = 0; i < count; ++i) {
      EXPECT_EQ(kv->get(kBody, key(i)).value(), std::string(kBodyOctets, static_cast<char>('a' + i % 26)))
          << i;
    }
  }

  fs::path set, restored;
  std::unique_ptr<FileBlob> bodies;
  Time now{std::chrono::seconds{1'795'564'200}};
};

TEST_F(BackupTest, HoldsWhatWasAcknowledgedBeforeIt) {
  in_child([this] {
    begin();
    write(0, 100);
    put_body("large", std::string(3'000'000, 'L'));
    const auto backup = add();
    EXPECT_EQ(backup.number, 1U);
    EXPECT_EQ(backup.begun, now);
    EXPECT_EQ(backup.signature, kv->signature());
    write(100, 150);
    restore(1);
    expect_messages(100);
    EXPECT_EQ(FileBlob::open_read_only(restored / "blobs").value()->get("large", 0, 4'000'000).value(),
              std::string(3'000'000, 'L'));
    EXPECT_NE(kv->signature(), backup.signature) << "another history from here on";
    write(100, 110);
    kv.reset();
    auto how = options();
    how.directory = restored;
    ASSERT_TRUE(try_open(how).has_value());
    expect_messages(110);
  });
}

TEST_F(BackupTest, TheDatabaseSaysWhenItWasBackedUp) {
  in_child([this] {
    begin();
    write(0, 3);
    add();
    const auto full = now;
    now += std::chrono::hours{1};
    add();
    kv.reset();
    const auto header = HeaderFile::open(directory / "header", HeaderFile::Access::read_only, 0).value();
    EXPECT_EQ(header.header().full_backup, full);
    EXPECT_EQ(header.header().incremental_backup, now);
  });
}

TEST_F(BackupTest, AnIncrementalOneCopiesOnlyWhatIsNew) {
  in_child([this] {
    begin();
    write(0, 300);
    put_body("one", "first body");
    add();
    std::map<fs::path, fs::file_time_type> before;
    for (const auto* folder : {"shared_checksum", "bodies"}) {
      for (const auto& file : fs::directory_iterator(set / folder)) before[file] = file.last_write_time();
    }
    write(300, 310);
    put_body("two", "second body");
    const auto second = add();
    EXPECT_EQ(second.number, 2U);
    for (const auto& [path, time] : before) EXPECT_EQ(fs::last_write_time(path), time) << path;
    EXPECT_THAT(faults(), testing::IsEmpty());
    restore(2);
    expect_messages(310);
    restore(1);
    expect_messages(300);
    EXPECT_EQ(FileBlob::open_read_only(restored / "blobs").value()->names().value(),
              std::vector<std::string>{"one"});
  });
}

TEST_F(BackupTest, EachDamagedFileIsNamed) {
  in_child([this] {
    begin();
    write(0, 300);
    put_body("large", std::string(100'000, 'L'));
    add();
    kv.reset();
    int files = 0;
    for (const auto& file : fs::recursive_directory_iterator(set)) {
      const auto path = file.path();
      if (!file.is_regular_file() || path.filename() == "lock" || file.file_size() == 0) continue;
      ++files;
      flip(path, file.file_size() / 2);
      const auto told = faults();
      ASSERT_FALSE(told.empty()) << path;
      EXPECT_THAT(told.front().reason, HasSubstr(path.filename().string())) << path;
      EXPECT_EQ(told.front().number, 1U);
      if (const auto done = BackupSet::open_read_only(set).value().restore(1, restored, {}); done) {
        ADD_FAILURE() << "restored in spite of " << path;
      }
      fs::remove_all(restored);
      flip(path, file.file_size() / 2);
    }
    EXPECT_GE(files, 5);
    EXPECT_THAT(faults(), testing::IsEmpty());
  });
}

TEST_F(BackupTest, OneWithADamagedListOrMetaIsShownAndTakesNoMore) {
  in_child([this] {
    begin();
    write(0, 50);
    add();
    now += std::chrono::hours{1};
    write(50, 60);
    add();
    for (const auto& path : {set / "lists" / "1", set / "meta" / "1"}) {
      const auto octets = fs::file_size(path);
      fs::resize_file(path, octets / 2);
      const auto all = BackupSet::open_read_only(set).value().list().value();
      ASSERT_EQ(all.size(), 2U);
      EXPECT_THAT(all[0].fault, HasSubstr(path.string()));
      EXPECT_EQ(all[1].fault, "");
      EXPECT_EQ(all[1].begun, now);
      const auto added = BackupSet::open(set).value().add(*kv, *bodies, now, {});
      ASSERT_FALSE(added.has_value());
      EXPECT_EQ(added.error().fault, Fault::corrupt);
      EXPECT_THAT(added.error().text, HasSubstr(path.string()));
      EXPECT_EQ(BackupSet::open_read_only(set).value().restore(1, restored, {}).error().fault,
                Fault::corrupt);
      if (path.parent_path().filename() == "lists") {  // of the next, only the engine's part is damaged
        fs::remove_all(set);
        add();
        now += std::chrono::hours{1};
        add();
      }
    }
  });
}

TEST_F(BackupTest, OneThatWasCutShortIsNoneAndTheNextTakesItsPlace) {
  in_child([this] {
    begin();
    write(0, 50);
    add();
    write(50, 60);
    add();
    fs::remove(set / "lists" / "2");
    EXPECT_EQ(BackupSet::open_read_only(set).value().list().value().size(), 1U);
    write(60, 70);
    const auto next = add();
    EXPECT_EQ(BackupSet::open_read_only(set).value().list().value().size(), 2U);
    restore(next.number);
    expect_messages(70);
  });
}

TEST_F(BackupTest, OfARestoreThatFailsNothingIsLeft) {
  in_child([this] {
    begin();
    write(0, 50);
    put_body("large", "octets");
    add();
    kv.reset();
    flip(set / "bodies" / "large", 2);
    const auto done = BackupSet::open_read_only(set).value().restore(1, restored, {});
    ASSERT_FALSE(done.has_value());
    EXPECT_EQ(done.error().fault, Fault::corrupt);
    EXPECT_THAT(done.error().text, HasSubstr((set / "bodies" / "large").string()));
    EXPECT_FALSE(fs::exists(restored));
    EXPECT_FALSE(fs::exists(restored.string() + ".unfinished"));
  });
}

TEST_F(BackupTest, WhileOthersWriteItHoldsAPrefixOfWhatTheyWrote) {
  in_child([this] {
    begin();
    write(0, 100);
    GroupCommitter committer(*kv);
    std::atomic<bool> end{false};
    std::atomic<int> acknowledged{100};
    std::thread writer([&] {
      for (int i = 100; !end; ++i) {
        if (!committer.commit(message(i))) ::_exit(2);
        acknowledged = i + 1;
      }
    });
    while (acknowledged < 200) std::this_thread::yield();
    const int before = acknowledged;
    const auto backup = add();
    const int after = acknowledged;
    end = true;
    writer.join();
    committer.stop();
    restore(backup.number);
    const int count = entries();
    EXPECT_GE(count, before);
    EXPECT_LE(count, after + 1);
    expect_messages(count);
  });
}

TEST_F(BackupTest, ABodyThatIsRemovedMeanwhileIsKeptUntilItIsDone) {
  in_child([this] {
    begin();
    put_body("one", "octets");
    {
      const auto held = bodies->hold_removals();
      EXPECT_TRUE(bodies->remove("one").has_value());
      EXPECT_EQ(bodies->names().value().size(), 1U);
    }
    EXPECT_EQ(bodies->names().value().size(), 0U);
  });
}

TEST_F(BackupTest, TwoAtATimeAreRefused) {
  in_child([this] {
    begin();
    const auto first = BackupSet::open(set);
    ASSERT_TRUE(first.has_value());
    EXPECT_EQ(BackupSet::open(set).error().fault, Fault::temporary);
  });
}

// ---- Forward by the logs

class ReplayTest : public BackupTest {
 protected:
  Replayed forward(std::optional<Time> until = {}) {
    const auto logs = all_logs(directory);
    EXPECT_TRUE(logs.has_value());
    const auto done = replay_logs(*kv, *logs, until, {});
    EXPECT_TRUE(done.has_value()) << done.error().text;
    return *done;
  }
  static Time clock() {
    return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  }
};

TEST_F(ReplayTest, AllThatTheLogsHaveComesOnTopOfTheBackup) {
  in_child([this] {
    begin();
    write(0, 100);
    add();
    write(100, 1000);  // by now some logs are in the archive
    const auto last = kv->engine().GetLatestSequenceNumber();
    restore(1);
    const auto done = forward();
    EXPECT_FALSE(done.reached);
    EXPECT_EQ(done.changes, 2700U);
    EXPECT_EQ(done.last, last);
    EXPECT_EQ(done.stopped, "");
    expect_messages(1000);
    restore(1);
    forward();
    EXPECT_EQ(forward().changes, 0U) << "once is enough";
    expect_messages(1000);
  });
}

TEST_F(ReplayTest, UpToAMoment) {
  in_child([this] {
    begin();
    write(0, 100);
    add();
    write(100, 500);
    const auto moment = clock();
    write(500, 900);
    restore(1);
    const auto done = forward(moment);
    EXPECT_TRUE(done.reached);
    EXPECT_EQ(done.stopped, "");
    EXPECT_LE(done.until, moment);
    expect_messages(500);
  });
}

TEST_F(ReplayTest, AMissingLogEndsItAndIsTold) {
  in_child([this] {
    begin();
    write(0, 100);
    add();
    write(100, 1500);
    const auto logs = all_logs(directory).value();
    ASSERT_GE(logs.size(), 3U);
    fs::remove(logs[logs.size() / 2]);
    restore(1);
    const auto done = forward();
    EXPECT_THAT(done.stopped, HasSubstr("are missing before offset 0 of"));
    const int count = entries();
    EXPECT_GE(count, 100);
    EXPECT_LT(count, 1500);
    expect_messages(count);
  });
}

TEST_F(ReplayTest, ADamagedPlaceEndsItAndIsTold) {
  in_child([this] {
    begin();
    write(0, 100);
    add();
    write(100, 200);
    kv.reset();
    auto logs = all_logs(directory).value();
    std::erase_if(logs, [](const auto& log) { return fs::file_size(log) < 100'000; });
    ASSERT_FALSE(logs.empty());
    flip(logs.back(), fs::file_size(logs.back()) / 2);
    restore(1);
    const auto done = forward();
    EXPECT_THAT(done.stopped, HasSubstr("checksum mismatch"));
    EXPECT_THAT(done.stopped, HasSubstr(logs.back().string()));
    const int count = entries();
    EXPECT_GE(count, 100);
    EXPECT_LT(count, 200);
    expect_messages(count);
  });
}

TEST_F(ReplayTest, LogsOfTheArchiveAreNoneThatTheDatabaseNeeds) {
  in_child([this] {
    begin();
    write(0, 1000);
    ASSERT_TRUE(fs::exists(directory / "db" / "archive"));
    kv.reset();
    const auto header = HeaderFile::open(directory / "header", HeaderFile::Access::read_only, 0).value();
    for (const auto& log : header.header().logs)
      EXPECT_TRUE(fs::exists(directory / "db" / log_name(log.number))) << log.number;
  });
}

}  // namespace
}  // namespace hikyaku::io
