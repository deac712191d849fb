// Writers that are killed, whose disk is full, or whose disk fails, and what is there when the hub mounts
// again: all that was acknowledged, and of the change that was under way all or nothing.
#include <gmock/gmock.h>
#include <sys/mount.h>

#include <rocksdb/file_system.h>

#include <atomic>
#include <cstdio>

#include "serve/mount_crash.h"
#include "serve/recorded_disk.h"

namespace hikyaku::serve {
namespace {

namespace fs = std::filesystem;
using namespace testing_support;

TEST_P(MountCrash, KilledAtARandomMomentAllThatWasAcknowledgedIsThereOnce) {
  std::minstd_rand random(20261129);
  for (int round = 0; round < rounds(15, 250); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    if (round % 50 == 49) begin_again();
    const auto writer = start(small(), [this](Database& database, const Acknowledge& acknowledge) {
      for (auto number = next;; ++number) {
        History done;
        if (const auto changed = database.change(number, done); !changed) {
          ADD_FAILURE() << changed.error().text;
          return;
        }
        acknowledge(done, number, true);
      }
    });
    auto lines = read(writer, 1 + static_cast<int>(random() % 30));
    // At some moment of what comes next: not at its beginning alone.
    for (auto spins = random() % 300'000; spins > 0; --spins) {
      std::atomic_signal_fence(std::memory_order_seq_cst);
    }
    ::kill(writer.process, SIGKILL);
    lines += read(writer, 0);
    ::close(writer.pipe);
    int status = 0;
    ::waitpid(writer.process, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself";
    take(lines);
    unknown.insert(next);
    mount_and_compare();
    if (HasFailure()) return;
  }
}

/// A small file system, with something else on it that leaves just so much room.
TEST_P(MountCrash, OnAFullDiskNothingThatWasAcknowledgedIsLost) {
  std::minstd_rand random(20261130);
  for (int round = 0; round < rounds(3, 40); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    begin_again();
    if (::mount("tmpfs", at.c_str(), "tmpfs", 0, "size=40m") != 0) GTEST_SKIP() << "a tmpfs needs root";
    struct Unmount {
      fs::path path;
      ~Unmount() { ::umount2(path.c_str(), MNT_DETACH); }
    } const unmount{at};
    const auto ballast = at / "ballast";
    const auto room = std::size_t{9'000'000} + random() % 8'000'000;
    std::ofstream(ballast, std::ios::binary) << std::string(40 * 1024 * 1024 - room, 'b');
    const auto writer = start(small(), [this](Database& database, const Acknowledge& acknowledge) {
      int failures = 0;
      for (auto number = next; number < next + 5000 && failures == 0; ++number) {
        History done;
        const auto changed = database.change(number, done);
        acknowledge(done, number, changed.has_value());
        failures += !changed;
      }
      EXPECT_GT(failures, 0) << "the disk was never full";
    });
    take(read(writer, 0));
    ::close(writer.pipe);
    int status = 0;
    ::waitpid(writer.process, &status, 0);
    ASSERT_EQ(status, 0);
    // Still full: it mounts, or says that it is full.
    ASSERT_TRUE(in_child([this] {
      const auto database = database_of(GetParam(), at);
      std::vector<std::string> notes;
      const auto mounted = database->mount(notes);
      if (!mounted) EXPECT_EQ(mounted.error().fault, Fault::temporary) << mounted.error().text;
      std::fflush(nullptr);
      ::_exit(testing::Test::HasFailure() ? 1 : 0);
    }));
    fs::remove(ballast);
    mount_and_compare();
    if (HasFailure()) return;
  }
}

/// The power fails: what was not synced is there or not, octet for octet and name for name.
TEST_P(MountCrash, WhereverThePowerFailsAllThatWasAcknowledgedIsThere) {
  const auto journal = at.string() + ".journal";
  fs::remove(journal);
  ASSERT_TRUE(in_child([&] {
    record_disk(at, journal);
    const auto database = database_of(GetParam(), at);
    database->settings = small();
    std::vector<std::string> notes;
    ASSERT_TRUE(database->mount(notes).has_value());
    for (std::uint64_t number = 0; number < 150; ++number) {
      History done;
      const auto changed = database->change(number, done);
      ASSERT_TRUE(changed.has_value()) << changed.error().text;
      record_told(told_lines(done, number, true));
    }
    std::fflush(nullptr);
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }));
  const auto events = read_journal(journal);
  fs::remove(journal);
  EXPECT_GT(std::ranges::count(events, DiskEvent::Kind::sync, &DiskEvent::kind), 150);
  std::minstd_rand random(20261201);
  const int count = rounds(kSanitized ? 12 : 25, 1000);
  for (int i = 0; i < count; ++i) {
    // Some early ones, while the database is being made, and all the rest.
    const auto most = i % 5 == 0 ? std::min<std::size_t>(events.size(), 300) : events.size();
    const auto end = 1 + random() % most;
    SCOPED_TRACE("after event " + std::to_string(end) + " of " + std::to_string(events.size()));
    begin_again();
    rebuild_disk(events, end, random, at);
    for (std::size_t event = 0; event < end; ++event) {
      if (events[event].kind == DiskEvent::Kind::told) take(events[event].text);
    }
    unknown.insert(next);
    mount_and_compare();
    if (HasFailure()) return;
  }
}

// ---- A disk that fails

enum class Operation : unsigned char { write, sync, read };

/// Fails one operation, the `countdown`th of its kind, and no other.
struct Failing {
  Operation operation;
  std::atomic<int> countdown;
  std::atomic<bool> failed{false}, of_a_log{false};
  rocksdb::IOStatus next(Operation one, const std::string& name) {
    if (one != operation || countdown.fetch_sub(1) != 1) return rocksdb::IOStatus::OK();
    failed = true;
    of_a_log = name.ends_with(".log");
    return rocksdb::IOStatus::IOError("input/output error, as told: " + name);
  }
};

class FailingFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FailingFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::string name, Failing& failing)
      : FSWritableFileOwnerWrapper(std::move(file)), name_(std::move(name)), failing_(failing) {}
  rocksdb::IOStatus Append(const rocksdb::Slice& octets, const rocksdb::IOOptions& how,
                           rocksdb::IODebugContext* debug) override {
    if (auto status = failing_.next(Operation::write, name_); !status.ok()) return status;
    return FSWritableFileOwnerWrapper::Append(octets, how, debug);
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& octets, const rocksdb::IOOptions& how,
                           const rocksdb::DataVerificationInfo& verification,
                           rocksdb::IODebugContext* debug) override {
    if (auto status = failing_.next(Operation::write, name_); !status.ok()) return status;
    return FSWritableFileOwnerWrapper::Append(octets, how, verification, debug);
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& how, rocksdb::IODebugContext* debug) override {
    if (auto status = failing_.next(Operation::sync, name_); !status.ok()) return status;
    return FSWritableFileOwnerWrapper::Sync(how, debug);
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& how, rocksdb::IODebugContext* debug) override {
    if (auto status = failing_.next(Operation::sync, name_); !status.ok()) return status;
    return FSWritableFileOwnerWrapper::Fsync(how, debug);
  }

 private:
  std::string name_;
  Failing& failing_;
};

class FailingReads : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  FailingReads(std::unique_ptr<rocksdb::FSRandomAccessFile> file, std::string name, Failing& failing)
      : FSRandomAccessFileOwnerWrapper(std::move(file)), name_(std::move(name)), failing_(failing) {}
  rocksdb::IOStatus Read(std::uint64_t offset, std::size_t length, const rocksdb::IOOptions& how,
                         rocksdb::Slice* result, char* scratch,
                         rocksdb::IODebugContext* debug) const override {
    if (auto status = failing_.next(Operation::read, name_); !status.ok()) return status;
    return FSRandomAccessFileOwnerWrapper::Read(offset, length, how, result, scratch, debug);
  }

 private:
  std::string name_;
  Failing& failing_;
};

class FailingDisk : public rocksdb::FileSystemWrapper {
 public:
  FailingDisk(std::shared_ptr<rocksdb::FileSystem> files, Failing& failing)
      : FileSystemWrapper(std::move(files)), failing_(failing) {}
  const char* Name() const override { return "failing"; }
  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& how,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    auto status = target()->NewWritableFile(name, how, file, debug);
    if (status.ok()) *file = std::make_unique<FailingFile>(std::move(*file), name, failing_);
    return status;
  }
  rocksdb::IOStatus NewRandomAccessFile(const std::string& name, const rocksdb::FileOptions& how,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                        rocksdb::IODebugContext* debug) override {
    auto status = target()->NewRandomAccessFile(name, how, file, debug);
    if (status.ok()) *file = std::make_unique<FailingReads>(std::move(*file), name, failing_);
    return status;
  }

 private:
  Failing& failing_;
};

TEST_P(MountCrash, AfterAnErrorOfTheDiskNothingIsAcknowledgedThatIsNotThere) {
  int of_logs = 0;
  for (const auto operation : {Operation::write, Operation::sync, Operation::read}) {
    for (int i = 0; i < rounds(kSanitized ? 4 : 6, 60); ++i) {
      begin_again();
      const int countdown = operation == Operation::read ? 1 + i * 3 : 60 + i * i * 9;
      SCOPED_TRACE("operation " + std::to_string(static_cast<int>(operation)) + ", the " +
                   std::to_string(countdown) + "th");
      Failing failing{operation, {countdown}};
      auto settings = small();
      settings.wrap_files = [&](std::shared_ptr<rocksdb::FileSystem> files) {
        return std::make_shared<FailingDisk>(std::move(files), failing);
      };
      const auto words = fs::temp_directory_path() / ("hikyaku-words-" + std::to_string(::getpid()));
      const auto writer = start(settings, [&](Database& database, const Acknowledge& acknowledge) {
        ASSERT_NE(std::freopen(words.c_str(), "w", stderr), nullptr);
        for (std::uint64_t number = 0; number < 150; ++number) {
          const bool failed_before = failing.failed && failing.of_a_log;
          History done;
          const auto changed = database.change(number, done);
          acknowledge(done, number, changed.has_value());
          if (!changed) continue;
          EXPECT_FALSE(failed_before && operation != Operation::read)
              << "change " << number << " was acknowledged after a log could not be written";
        }
        if (failing.of_a_log) ::_exit(testing::Test::HasFailure() ? 1 : 7);
      });
      take(read(writer, 0));
      ::close(writer.pipe);
      int status = 0;
      ::waitpid(writer.process, &status, 0);
      // RocksDB 7.8 may end the process by an assertion of its own, when several spaces go into tables at
      // once and one of them can't be written: a crash like others.
      const auto said = octets_of(words);
      const bool gave_up = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
                           said.find("RollbackMemtableFlush") != std::string::npos;
      ASSERT_TRUE(gave_up || (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 7)))
          << status << ": " << said;
      fs::remove(words);
      // What it was at then is known to nobody.
      if (gave_up) unknown.insert(under_way);
      of_logs += WIFEXITED(status) && WEXITSTATUS(status) == 7;
      mount_and_compare();
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(of_logs, 2);
}

INSTANTIATE_TEST_SUITE_P(, MountCrash, testing::Values(Kind::mailboxes, Kind::queue),
                         [](const auto& row) { return row.param == Kind::queue ? "queue" : "mailboxes"; });

}  // namespace
}  // namespace hikyaku::serve
