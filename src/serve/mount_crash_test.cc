// Writers that are killed, whose disk is full, or whose disk fails, and what is there when the hub mounts
// again: all that was acknowledged, and of the change that was under way all or nothing.
#include <gmock/gmock.h>
#include <sys/mount.h>

#include <rocksdb/file_system.h>

#include <atomic>
#include <sstream>

#include "serve/crashed_database.h"
#include "serve/recorded_disk.h"

namespace hikyaku::serve {
namespace {

namespace fs = std::filesystem;
using namespace testing_support;

int rounds(int in_check, int at_night) { return nightly() ? at_night : in_check; }

class MountCrash : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override { begin_again(); }
  void TearDown() override { fs::remove_all(at); }
  void begin_again() {
    fs::remove_all(at);
    fs::create_directories(at);
    there.clear();
    unknown.clear();
    next = 0;
  }

  /// A writer in a process of its own, which acknowledges over a pipe. `work` gets the database, opened, and
  /// what to call for each change that is done.
  using Acknowledge = std::function<void(const History&, std::uint64_t number, bool done)>;
  struct Writer {
    pid_t process = -1;
    int pipe = -1;
  };
  Writer start(const DatabaseSettings& settings,
               const std::function<void(Database&, const Acknowledge&)>& work) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    std::fflush(nullptr);
    expect_no_engine_threads();
    const auto child = ::fork();
    if (child != 0) {
      ::close(ends[1]);
      return {child, ends[0]};
    }
    ::close(ends[0]);
    const auto database = database_of(GetParam(), at);
    database->settings = settings;
    std::vector<std::string> notes;
    if (const auto mounted = database->mount(notes); !mounted) {
      if (!settings.wrap_files) ADD_FAILURE() << mounted.error().text;
      std::fflush(nullptr);
      ::_exit(testing::Test::HasFailure() ? 1 : 0);
    }
    work(*database, [&](const History& history, std::uint64_t number, bool done) {
      const auto text = told_lines(history, number, done);
      if (::write(ends[1], text.data(), text.size()) != static_cast<ssize_t>(text.size())) ::_exit(2);
    });
    std::fflush(nullptr);
    ::_exit(testing::Test::HasFailure() ? 1 : 0);  // as a crash: nothing is closed
  }
  static std::string told_lines(const History& history, std::uint64_t number, bool done) {
    std::ostringstream lines;
    for (const auto& one : history) write_history(lines, one);
    write_history(lines, {done ? '=' : '!', std::to_string(number), 0, 0, 0, {}});
    return lines.str();
  }
  /// Reads until so many changes are acknowledged; 0: to the end.
  std::string read(const Writer& writer, int changes) const {
    std::string text;
    char piece[4096];
    while (changes == 0 || std::ranges::count(text, '=') < changes) {
      const auto got = ::read(writer.pipe, piece, sizeof piece);
      if (got <= 0) break;
      text.append(piece, static_cast<std::size_t>(got));
    }
    return text;
  }
  void take(const std::string& lines) {
    std::istringstream in(lines);
    for (const auto& one : read_history(in)) {
      if (one.kind == '+') there[one.name] = one.checksum;
      if (one.kind == '-') there.erase(one.name);
      if (one.kind == '=') next = std::stoull(one.name) + 1;
      if (one.kind == '!') unknown.insert(std::stoull(one.name));
    }
  }

  /// Mounts as the hub does and compares. What the change under way has done is known from then on.
  void mount_and_compare() {
    const auto found_path = at.string() + ".found";
    ASSERT_TRUE(in_child([&] {
      const auto database = database_of(GetParam(), at);
      std::vector<std::string> notes;
      const auto mounted = database->mount(notes);
      ASSERT_TRUE(mounted.has_value()) << mounted.error().text;
      const auto found = database->contents();
      EXPECT_THAT(found.unreadable, testing::IsEmpty());
      EXPECT_THAT(database->problems(), testing::IsEmpty());
      std::ofstream out(found_path);
      for (const auto& [name, sum] : found.whole) write_history(out, {'+', name, sum, 0, 0, {}});
    }));
    std::ifstream in(found_path);
    const auto found = expected_after(read_history(in));
    fs::remove(found_path);
    // What was refused, or under way, may have been done or not, and is not half done.
    std::map<std::uint32_t, std::uint64_t> numbers;
    for (const auto number : unknown) numbers[crc32c(body_of(number, size_of(number)))] = number;
    auto removals = std::ranges::count_if(unknown, [](std::uint64_t number) { return number % 17 == 9; });
    for (const auto& [name, sum] : there) {
      const auto one = found.find(name);
      if (one == found.end()) {
        EXPECT_GE(--removals, 0) << name << " was acknowledged and is missing";
      } else {
        EXPECT_EQ(one->second, sum) << name << " is half there";
      }
    }
    std::map<std::uint64_t, std::size_t> added;
    for (const auto& [name, sum] : found) {
      if (there.contains(name)) continue;
      const auto number = numbers.find(sum);
      if (number == numbers.end()) {
        ADD_FAILURE() << name << " is there twice, or was never sent";
      } else {
        ++added[number->second];
      }
    }
    for (const auto& [number, count] : added)
      EXPECT_EQ(count, database_of(GetParam(), at)->copies(number)) << "half of a delivery";
    unknown.clear();
    there = found;
  }

  static DatabaseSettings small() {
    DatabaseSettings settings;
    settings.memory = std::size_t{1} << 20;  // so that tables are written all the time
    return settings;
  }
  const fs::path at = fs::temp_directory_path() / ("hikyaku-crash-" + std::to_string(::getpid()));
  std::map<std::string, std::uint32_t> there;
  std::uint64_t next = 0;           ///< after the last that was acknowledged
  std::set<std::uint64_t> unknown;  ///< changes that were begun and not acknowledged
};

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
      const auto writer = start(settings, [&](Database& database, const Acknowledge& acknowledge) {
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
      ASSERT_TRUE(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 7)) << status;
      of_logs += WEXITSTATUS(status) == 7;
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
