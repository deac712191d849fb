#include "io/rocks_kv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <rocksdb/file_system.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "io/database_header.h"
#include "io/group_committer.h"
#include "io/log_check.h"
#include "io/log_format.h"
#include "io/manifest_check.h"
#include "io/rocks_fixture.h"
#include "io/row_lifetime.h"

namespace hikyaku::io {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

using namespace testing_support;
using RocksKvTest = RocksFixture;

TEST_F(RocksKvTest, WhatIsCommittedIsReadAndFoundAfterReopening) {
  in_child([this] {
    open();
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(kv->commit(message(i), Kv::Durability::synced).has_value());
    Kv::Batch batch;
    batch.remove(kBody, key(3));
    batch.remove(kEntry, key(3));
    ASSERT_TRUE(kv->commit(std::move(batch), Kv::Durability::written).has_value());
    for (int round = 0; round < 2; ++round) {
      EXPECT_EQ(kv->get(kEntry, key(4)).value(), "entry 000004");
      EXPECT_EQ(kv->get(kEntry, key(3)).value(), std::nullopt);
      EXPECT_EQ(kv->get(kBody, key(3)).value(), std::nullopt);
      EXPECT_EQ(kv->multi_get(kEntry, {key(9), key(3), key(0)}).value(),
                (std::vector<std::optional<std::string>>{"entry 000009", std::nullopt, "entry 000000"}));
      const auto rows = kv->scan(kEntry, key(2), key(6), 2).value();
      ASSERT_EQ(rows.size(), 2U);
      EXPECT_EQ(rows[0].first, key(2));
      EXPECT_EQ(rows[1].first, key(4));
      EXPECT_EQ(kv->scan(kEntry, key(5), key(5), 10).value().size(), 0U);
      EXPECT_EQ(kv->scan(kEntry, key(5), {}, 10).value().size(), 5U);
      open();
      EXPECT_TRUE(notes.empty());
    }
  });
}

TEST_F(RocksKvTest, RowsOfASpaceWithALifetimeAreReadAsTheyWereWritten) {
  in_child([this] {
    open();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(kv->commit(message(i), Kv::Durability::synced).has_value());
    for (int round = 0; round < 2; ++round) {
      EXPECT_EQ(kv->get(kLedger, key(1)).value(), "why");
      EXPECT_EQ(kv->multi_get(kLedger, {key(2)}).value()[0], "why");
      EXPECT_EQ(kv->scan(kLedger, {}, {}, 10).value().at(0).second, "why");
      open();
    }
    auto batch = message(4);
    batch.preconditions.push_back({kLedger, key(1), "why"});
    EXPECT_TRUE(kv->commit(std::move(batch), Kv::Durability::synced).has_value());
  });
}

TEST(RowLifetime, ARowIsOutlivedAfterItsLifetimeAndNotBefore) {
  using std::chrono::seconds;
  const auto at = [](int second) { return std::chrono::sys_seconds{seconds{1'700'000'000 + second}}; };
  const auto written = stamp(at(0));
  const auto value = "why" + std::string(written.data(), written.size());
  EXPECT_FALSE(outlived(value, seconds{60}, at(60)));
  EXPECT_TRUE(outlived(value, seconds{60}, at(61)));
  EXPECT_FALSE(outlived(value, seconds{60}, at(-100))) << "the clock went back";
  EXPECT_FALSE(outlived("why", seconds{60}, at(61))) << "too short for a stamp";
}

TEST_F(RocksKvTest, AFailedPreconditionWritesNothing) {
  in_child([this] {
    open();
    auto batch = message(1);
    batch.preconditions.push_back({kEntry, key(1), std::nullopt});
    ASSERT_TRUE(kv->commit(batch, Kv::Durability::synced).has_value());
    EXPECT_EQ(kv->commit(batch, Kv::Durability::synced).error().fault, Fault::not_found);
    auto next = message(2);
    next.preconditions.push_back({kEntry, key(1), "entry 000001"});
    EXPECT_TRUE(kv->commit(std::move(next), Kv::Durability::synced).has_value());
    EXPECT_EQ(entries(), 2);
  });
}

TEST_F(RocksKvTest, OneProcessWritesAndReadersMayShareIt) {
  in_child([this] {
    EXPECT_EQ(
        [&] {
          auto how = options();
          how.access = RocksKv::Access::read_only;
          return try_open(how);
        }()
            .error()
            .fault,
        Fault::not_found);
    open();
    ASSERT_TRUE(kv->commit(message(1), Kv::Durability::synced).has_value());
    RocksKv::Notes other;
    EXPECT_EQ(RocksKv::open(options(), other).error().fault, Fault::temporary);
    kv.reset();
    auto how = options();
    how.access = RocksKv::Access::read_only;
    const auto first = RocksKv::open(how, other).value();
    const auto second = RocksKv::open(how, other).value();
    EXPECT_EQ(second->get(kEntry, key(1)).value(), "entry 000001");
    EXPECT_EQ(first->commit(message(2), Kv::Durability::synced).error().fault, Fault::permanent);
  });
}

TEST_F(RocksKvTest, ASpaceThatAnOlderProgramDidNotMakeIsEmptyForAReaderAndMadeByAWriter) {
  in_child([this] {
    open();
    ASSERT_TRUE(kv->commit(message(1), Kv::Durability::synced).has_value());
    kv.reset();
    auto how = options();
    how.spaces.push_back({"later"});
    const auto later = static_cast<Kv::Space>(how.spaces.size() - 1);
    RocksKv::Notes other;
    how.access = RocksKv::Access::read_only;
    auto reader = RocksKv::open(how, other).value();
    EXPECT_EQ(reader->get(kEntry, key(1)).value(), "entry 000001");
    EXPECT_EQ(reader->get(later, "a").value(), std::nullopt);
    EXPECT_EQ(reader->multi_get(later, {"a", "b"}).value().size(), 2U);
    EXPECT_TRUE(reader->scan(later, {}, {}, 10).value().empty());
    reader.reset();
    how.access = RocksKv::Access::read_write;
    auto writer = RocksKv::open(how, other).value();
    Kv::Batch batch;
    batch.put(later, "a", "b");
    EXPECT_TRUE(writer->commit(std::move(batch), Kv::Durability::synced).has_value());
    EXPECT_EQ(writer->get(later, "a").value(), "b");
    EXPECT_EQ(writer->get(kEntry, key(1)).value(), "entry 000001");
  });
}

TEST_F(RocksKvTest, AReaderMayStandBesideAWriter) {
  in_child([this] {
    open();
    for (int i = 0; i < 300; ++i) ASSERT_TRUE(kv->commit(message(i), Kv::Durability::written).has_value());
    auto how = options();
    how.access = RocksKv::Access::read_only;
    RocksKv::Notes other;
    const auto reader = RocksKv::open(how, other);
    ASSERT_TRUE(reader.has_value()) << reader.error().text;
    EXPECT_EQ((*reader)->scan(kEntry, {}, {}, 1000).value().size(), 300U);
    EXPECT_TRUE(kv->commit(message(300), Kv::Durability::synced).has_value());
  });
}

/// Does something when the engine first opens a table.
class AtFirstTable : public rocksdb::FileSystemWrapper {
 public:
  AtFirstTable(std::shared_ptr<rocksdb::FileSystem> below, std::function<void()> act)
      : FileSystemWrapper(std::move(below)), act_(std::move(act)) {}
  const char* Name() const override { return "AtFirstTable"; }
  rocksdb::IOStatus NewRandomAccessFile(const std::string& name, const rocksdb::FileOptions& how,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                        rocksdb::IODebugContext* debug) override {
    if (name.ends_with(".sst")) std::exchange(act_, [] {})();
    return FileSystemWrapper::NewRandomAccessFile(name, how, file, debug);
  }

 private:
  std::function<void()> act_;
};

TEST_F(RocksKvTest, AReaderBeginsAgainWhenTheWriterHasReplacedTablesMeanwhile) {
  in_child([this] {
    open();
    int messages = 0;
    for (const bool tables_only : {false, true}) {
      for (int i = 0; i < 300; ++i) {
        ASSERT_TRUE(kv->commit(message(messages++), Kv::Durability::written).has_value());
        if (i % 100 == 99) ASSERT_TRUE(kv->flush().has_value());
      }
      auto how = options();
      how.access = RocksKv::Access::read_only;
      how.tables_only = tables_only;
      bool replaced = false;
      how.wrap_files =
          [&](std::shared_ptr<rocksdb::FileSystem> files) -> std::shared_ptr<rocksdb::FileSystem> {
        if (std::exchange(replaced, true)) return files;
        return std::make_shared<AtFirstTable>(std::move(files),
                                              [this] { ASSERT_TRUE(kv->compact({}).has_value()); });
      };
      RocksKv::Notes other;
      const auto reader = RocksKv::open(how, other);
      ASSERT_TRUE(reader.has_value()) << tables_only << reader.error().text;
      EXPECT_EQ((*reader)->scan(kEntry, {}, {}, 1000).value().size(), static_cast<std::size_t>(messages));
    }
  });
}

/// The process ends right after the engine has removed a log.
class EndsAtRemovedLog : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;
  const char* Name() const override { return "EndsAtRemovedLog"; }
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& how,
                               rocksdb::IODebugContext* debug) override {
    auto status = FileSystemWrapper::DeleteFile(name, how, debug);
    if (log_number(fs::path(name).filename().string()) != 0) ::_exit(0);
    return status;
  }
};

/// The engine removes the newest first: the older ones that are left are not needed either.
TEST_F(RocksKvTest, ACrashBetweenTheRemovalsOfSeveralLogsIsNoDamage) {
  in_child([this] {
    auto how = options();
    how.wrap_files = [](std::shared_ptr<rocksdb::FileSystem> files) {
      return std::make_shared<EndsAtRemovedLog>(std::move(files));
    };
    ASSERT_TRUE(try_open(how).has_value());
    ASSERT_TRUE(kv->engine().DisableFileDeletions().ok());
    for (int i = 0; i < 300; ++i) {
      ASSERT_TRUE(kv->commit(message(i), Kv::Durability::synced).has_value());
      if (i % 100 == 50) ASSERT_TRUE(kv->flush().has_value());
    }
    ASSERT_GE(logs().size(), 4U);
    (void)kv->engine().EnableFileDeletions(true);
    FAIL() << "no log was removed";
  });
  ASSERT_GE(logs().size(), 3U) << "the test is about some that were not removed yet";
  in_child([this] {
    const auto opened = try_open();
    ASSERT_TRUE(opened.has_value()) << opened.error().text;
    EXPECT_EQ(entries(), 300);
    EXPECT_TRUE(notes.empty());
  });
}

TEST_F(RocksKvTest, AfterACrashAllThatWasSyncedIsThere) {
  in_child([this] {
    crash_with_logs();
    ASSERT_GE(logs().size(), 2U) << "the test is about several logs";
    open();
    EXPECT_EQ(entries(), 600);
    EXPECT_EQ(kv->get(kBody, key(599)).value()->size(), kBodyOctets);
    EXPECT_TRUE(notes.empty());
  });
}

TEST_F(RocksKvTest, ATornEndIsCutAndTheOriginalKept) {
  in_child([this] {
    crash_with_logs();
    const auto last = logs().back();
    const auto size = fs::file_size(last);
    std::ofstream(last, std::ios::app | std::ios::binary) << "begun";
    auto how = options();
    how.access = RocksKv::Access::read_only;
    ASSERT_TRUE(try_open(how).has_value());
    EXPECT_EQ(entries(), 600);
    EXPECT_EQ(fs::file_size(last), size + 5) << "a reader changes nothing";
    open();
    EXPECT_EQ(entries(), 600);
    ASSERT_EQ(notes.size(), 1U);
    EXPECT_THAT(notes[0], HasSubstr(last.string()));
    EXPECT_EQ(fs::file_size(quarantine() / last.filename()), size + 5);
    ASSERT_TRUE(kv->commit(message(600), Kv::Durability::synced).has_value());
    open();
    EXPECT_EQ(entries(), 601);
    EXPECT_TRUE(notes.empty());
  });
}

TEST_F(RocksKvTest, AListOfTablesWhoseLastRecordIsUnfinishedIsCutAndTheOriginalKept) {
  in_child([this] {
    crash_with_logs();
    const auto list = directory / "db" / manifest_name(current_manifest(directory / "db"));
    const auto size = fs::file_size(list);
    // A record of 60 octets, of which a power failure left the first 20, and zeros.
    std::string record;
    log_format::append_record(record, std::string(53, 'e'));
    std::ofstream(list, std::ios::app | std::ios::binary) << record.substr(0, 20) + std::string(40, '\0');
    auto how = options();
    how.access = RocksKv::Access::read_only;
    const auto read = try_open(how);
    ASSERT_FALSE(read.has_value());
    EXPECT_THAT(read.error().text, HasSubstr("nothing is lost"));
    EXPECT_EQ(fs::file_size(list), size + 60) << "a reader changes nothing";
    open();
    EXPECT_EQ(entries(), 600);
    ASSERT_EQ(notes.size(), 1U);
    EXPECT_THAT(notes[0], HasSubstr(list.string()));
    EXPECT_EQ(fs::file_size(quarantine() / list.filename()), size + 60);
  });
}

TEST_F(RocksKvTest, AnEndWithoutWhatWasAcknowledgedIsRefusedWhereverItIsCut) {
  in_child([this] {
    crash_with_logs();
    const auto last = logs().back();
    const auto size = fs::file_size(last);
    for (const std::uintmax_t cut : {std::uintmax_t{1}, std::uintmax_t{5}, std::uintmax_t{4000}, size}) {
      fs::copy_file(last, last.string() + ".kept", fs::copy_options::overwrite_existing);
      fs::resize_file(last, size - cut);
      const auto opened = try_open();
      ASSERT_FALSE(opened.has_value()) << cut;
      EXPECT_EQ(opened.error().fault, Fault::corrupt);
      EXPECT_THAT(opened.error().text, HasSubstr(last.string() + ": corrupt at offset "));
      EXPECT_THAT(opened.error().text, HasSubstr("were acknowledged"));
      fs::rename(last.string() + ".kept", last);
    }
    open();
    EXPECT_EQ(entries(), 600);
  });
}

TEST_F(RocksKvTest, ALogOfAnotherDatabaseIsSeen) {
  in_child([this] {
    crash_with_logs();
    const auto mine = logs().front();
    auto other = options();
    other.directory = directory / "other";
    {
      RocksKv::Notes other_notes;
      const auto theirs = RocksKv::open(other, other_notes);
      ASSERT_TRUE(theirs.has_value());
      ASSERT_TRUE((*theirs)->commit(message(1000), Kv::Durability::synced).has_value());
      for (const auto& file : fs::directory_iterator(other.directory / "db")) {
        if (log_number(file.path().filename().string()) != 0 && file.file_size() > 0)
          fs::copy_file(file.path(), mine, fs::copy_options::overwrite_existing);
      }
    }
    const auto opened = try_open();
    ASSERT_FALSE(opened.has_value());
    EXPECT_THAT(opened.error().text, HasSubstr(mine.string() + ": of another database (signature)"));
  });
}

/// A process that ends at any moment after an open leaves a database that opens, though its newest log is
/// empty and what was acknowledged stands in older logs or in tables.
TEST_F(RocksKvTest, AnEmptyNewestLogIsNoDamage) {
  const auto nothing = [](RocksKv&) {};
  in_child([this] {
    open();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(kv->commit(message(i), Kv::Durability::synced).has_value());
    ASSERT_TRUE(kv->commit(message(3), Kv::Durability::written).has_value());
  });
  for (int round = 0; round < 3; ++round) crash_after(nothing);
  crash_after([](RocksKv& child) {
    if (!child.commit(message(4), Kv::Durability::synced)) ::_exit(2);
    if (!child.commit(message(5), Kv::Durability::written)) ::_exit(2);
  });
  for (int round = 0; round < 3; ++round) crash_after(nothing);
  in_child([this] {
    open();
    EXPECT_EQ(entries(), 6);
    EXPECT_TRUE(notes.empty());
  });
}

TEST_F(RocksKvTest, ABadOctetIsNamedWithItsFileAndOffsetAndNothingIsChanged) {
  in_child([this] {
    crash_with_logs();
    const auto all = logs();
    for (const auto& log : {all.front(), all.back()}) {
      flip(log, fs::file_size(log) / 2);
      for (int round = 0; round < 2; ++round) {
        const auto opened = try_open();
        ASSERT_FALSE(opened.has_value());
        EXPECT_EQ(opened.error().fault, Fault::corrupt);
        EXPECT_THAT(opened.error().text, HasSubstr(log.string() + ": corrupt at offset "));
        EXPECT_THAT(opened.error().text, HasSubstr("checksum mismatch"));
        EXPECT_EQ(logs(), all);
      }
      flip(log, fs::file_size(log) / 2);
    }
    open();
    EXPECT_EQ(entries(), 600);
  });
}

TEST_F(RocksKvTest, AMissingLogIsNoticedWhereverItStood) {
  in_child([this] {
    crash_with_logs();
    for (const auto& log : logs()) {
      fs::rename(log, directory / "elsewhere");
      const auto opened = try_open();
      ASSERT_FALSE(opened.has_value()) << log;
      EXPECT_EQ(opened.error().fault, Fault::corrupt);
      EXPECT_THAT(opened.error().text, HasSubstr(log.string() + ": missing"));
      fs::rename(directory / "elsewhere", log);
    }
    open();
    EXPECT_EQ(entries(), 600);
  });
}

TEST_F(RocksKvTest, AMissingDatabaseBehindItsHeaderIsNotMadeAnew) {
  in_child([this] {
    crash_with_logs(10);
    fs::rename(directory / "db", directory / "elsewhere");
    EXPECT_EQ(try_open().error().fault, Fault::corrupt);
    EXPECT_FALSE(fs::exists(directory / "db"));
    fs::create_directory(directory / "db");
    EXPECT_EQ(try_open().error().fault, Fault::corrupt);
    EXPECT_FALSE(fs::exists(directory / "db" / "CURRENT"));
  });
}

TEST_F(RocksKvTest, AfterAnOrderlyEndNoLogIsLeftToReplay) {
  in_child([this] {
    open();
    for (int i = 0; i < 600; ++i) ASSERT_TRUE(kv->commit(message(i), Kv::Durability::synced).has_value());
    kv.reset();
    const auto header = HeaderFile::open(directory / "header", HeaderFile::Access::read_only, 0).value();
    EXPECT_EQ(header.header().state, DatabaseHeader::State::clean);
    for (const auto reports =
             check_logs(directory / "db", header.header().logs, header.acknowledged()).value();
         const auto& report : reports)
      EXPECT_EQ(report.records, 0U);
  });
}

/// Acknowledged writes of many threads are counted through a pipe until the writer is killed.
int kill_while_writing(const std::function<Result<void>()>& open_child, std::unique_ptr<RocksKv>& kv,
                       int acknowledged) {
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) return -1;
  const auto child = ::fork();
  if (child == 0) {
    if (!open_child()) ::_exit(1);
    GroupCommitter committer(*kv);
    std::atomic<int> next{0};
    std::vector<std::thread> writers;
    for (int thread = 0; thread < 8; ++thread) {
      writers.emplace_back([&] {
        for (;;) {
          const int i = next++;
          if (!committer.commit(message(i)) || ::write(pipe_ends[1], &i, sizeof i) != sizeof i) ::_exit(2);
        }
      });
    }
    for (auto& writer : writers) writer.join();
  }
  ::close(pipe_ends[1]);
  std::vector<int> seen;
  for (int i = 0; ::read(pipe_ends[0], &i, sizeof i) == sizeof i;) {
    seen.push_back(i);
    if (static_cast<int>(seen.size()) == acknowledged) ::kill(child, SIGKILL);
  }
  ::close(pipe_ends[0]);
  ::waitpid(child, nullptr, 0);
  if (static_cast<int>(seen.size()) < acknowledged || !open_child()) return -1;
  int missing = 0;
  for (const int i : seen)
    missing += kv->get(kBody, key(i)).value() != std::string(kBodyOctets, static_cast<char>('a' + i % 26));
  kv.reset();
  return missing;
}

TEST_F(RocksKvTest, KilledWhileManyWriteNoAcknowledgedWriteIsMissing) {
  for (const int acknowledged : {1, 50, 333, 1500}) {
    fs::remove_all(directory);
    in_child([this, acknowledged] {
      EXPECT_EQ(kill_while_writing([this] { return try_open(); }, kv, acknowledged), 0) << acknowledged;
    });
  }
}

// ---- Disks that fail

struct DiskFaults {
  std::atomic<bool> full{false}, sync_fails{false};
  std::atomic<bool> seems_free{false};  // somebody else took the room just before a write
};

class FaultyFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultyFile(std::unique_ptr<rocksdb::FSWritableFile> file, DiskFaults& faults)
      : FSWritableFileOwnerWrapper(std::move(file)), faults_(faults) {}
  using FSWritableFileOwnerWrapper::Append;
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& how,
                           rocksdb::IODebugContext* debug) override {
    if (!faults_.full) return FSWritableFileOwnerWrapper::Append(data, how, debug);
    // As a disk does: a part of it still fits.
    const auto part = rocksdb::Slice(data.data(), data.size() / 2);
    (void)FSWritableFileOwnerWrapper::Append(part, how, debug);
    return rocksdb::IOStatus::NoSpace("as told");
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& how, rocksdb::IODebugContext* debug) override {
    if (faults_.sync_fails) return rocksdb::IOStatus::IOError("as told");
    return FSWritableFileOwnerWrapper::Sync(how, debug);
  }

 private:
  DiskFaults& faults_;
};

class FaultyDisk : public rocksdb::FileSystemWrapper {
 public:
  FaultyDisk(std::shared_ptr<rocksdb::FileSystem> files, DiskFaults& faults)
      : FileSystemWrapper(std::move(files)), faults_(faults) {}
  const char* Name() const override { return "faulty"; }
  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& how,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    if (faults_.full) return rocksdb::IOStatus::NoSpace("as told");
    auto status = target()->NewWritableFile(name, how, file, debug);
    if (status.ok()) *file = std::make_unique<FaultyFile>(std::move(*file), faults_);
    return status;
  }
  rocksdb::IOStatus GetFreeSpace(const std::string& path, const rocksdb::IOOptions& how, std::uint64_t* free,
                                 rocksdb::IODebugContext* debug) override {
    const auto status = target()->GetFreeSpace(path, how, free, debug);
    if (faults_.full && !faults_.seems_free) *free = 0;
    return status;
  }

 private:
  DiskFaults& faults_;
};

class FaultyDiskTest : public RocksKvTest {
 protected:
  void open_faulty() {
    auto how = options();
    how.wrap_files = [this](std::shared_ptr<rocksdb::FileSystem> files) {
      return std::make_shared<FaultyDisk>(std::move(files), faults);
    };
    const auto opened = try_open(how);
    ASSERT_TRUE(opened.has_value()) << opened.error().text;
  }
  void commit_when_there_is_room(int i) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    Result<void> done;
    do {
      done = kv->commit(message(i), Kv::Durability::synced);
      std::this_thread::yield();
    } while (!done && done.error().fault == Fault::temporary && std::chrono::steady_clock::now() < end);
    EXPECT_TRUE(done.has_value()) << done.error().text;
  }
  DiskFaults faults;
};

TEST_F(FaultyDiskTest, AFullDiskIsTemporaryAndTheDatabaseGoesOnWhenThereIsRoom) {
  in_child([this] {
    open_faulty();
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(kv->commit(message(i), Kv::Durability::synced).has_value());
    faults.full = faults.seems_free = true;
    for (int i = 0; i < 3; ++i) {
      const auto done = kv->commit(message(100 + i), Kv::Durability::synced);
      ASSERT_FALSE(done.has_value());
      EXPECT_EQ(done.error().fault, Fault::temporary) << done.error().text;
      faults.seems_free = false;
    }
    EXPECT_EQ(kv->get(kEntry, key(5)).value(), "entry 000005") << "reading goes on";
    faults.full = false;
    commit_when_there_is_room(20);
    EXPECT_TRUE(kv->usable());
    open();
    for (int i = 0; i <= 20; ++i) EXPECT_TRUE(kv->get(kEntry, key(i)).value().has_value()) << i;
  });
}

TEST_F(FaultyDiskTest, ACrashAfterAFullDiskLosesNothingThatWasAcknowledged) {
  in_child([this] {
    kv.reset();
    const auto child = ::fork();
    if (child == 0) {
      open_faulty();
      for (int i = 0; i < 20; ++i) (void)kv->commit(message(i), Kv::Durability::synced);
      faults.full = faults.seems_free = true;
      (void)kv->commit(message(100), Kv::Durability::synced);
      faults.full = false;
      commit_when_there_is_room(20);
      ::_exit(testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_EQ(status, 0);
    open();
    for (int i = 0; i <= 20; ++i) EXPECT_TRUE(kv->get(kEntry, key(i)).value().has_value()) << i;
  });
}

TEST_F(FaultyDiskTest, AFailedSyncIsNeverFollowedByASuccess) {
  in_child([this] {
    open_faulty();
    ASSERT_TRUE(kv->commit(message(1), Kv::Durability::synced).has_value());
    faults.sync_fails = true;
    EXPECT_EQ(kv->commit(message(2), Kv::Durability::synced).error().fault, Fault::permanent);
    faults.sync_fails = false;
    EXPECT_EQ(kv->commit(message(3), Kv::Durability::synced).error().fault, Fault::permanent);
    EXPECT_EQ(kv->commit(message(3), Kv::Durability::written).error().fault, Fault::permanent);
    EXPECT_FALSE(kv->usable());
    open();
    EXPECT_TRUE(kv->get(kEntry, key(1)).value().has_value());
    EXPECT_FALSE(kv->get(kEntry, key(3)).value().has_value());
  });
}

TEST_F(RocksKvTest, AFileSystemThatIsReallyFullIsTemporary) {
  fs::create_directories(directory);
  if (::mount("tmpfs", directory.c_str(), "tmpfs", 0, "size=24m") != 0) GTEST_SKIP() << "a tmpfs needs root";
  struct Unmount {
    fs::path path;
    ~Unmount() { ::umount2(path.c_str(), MNT_DETACH); }
  } const unmount{directory};
  in_child([this] {
    open();
    int written = 0;
    Result<void> done;
    while (written < 20'000 && (done = kv->commit(message(written), Kv::Durability::synced))) ++written;
    ASSERT_FALSE(done.has_value());
    EXPECT_EQ(done.error().fault, Fault::temporary) << done.error().text;
    EXPECT_GT(written, 1000);
    for (int i = 0; i < written; i += 97) EXPECT_EQ(kv->get(kEntry, key(i)).value(), "entry " + key(i));
  });
}

}  // namespace
}  // namespace hikyaku::io
