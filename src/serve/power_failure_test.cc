// The power fails below a real file system: ext4 on a disk that keeps what was synced and any of the rest.
// The other tests replay the calls of our processes; this one also what ext4 makes of them.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include <rocksdb/file_system.h>

#include <csignal>

#include "serve/backups.h"
#include "serve/mount_crash.h"
#include "serve/recorded_device.h"

namespace hikyaku::serve {
namespace {

namespace fs = std::filesystem;
using namespace testing_support;

/// A number for this run (tools/power_failures.py), or the usual one.
std::uint64_t chosen(const char* variable, std::uint64_t usual) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : usual;
}

/// Says that it synced, and did not: what this test must find.
class UnsyncedFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  using FSWritableFileOwnerWrapper::FSWritableFileOwnerWrapper;
  rocksdb::IOStatus Sync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::OK();
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::OK();
  }
};
class UnsyncedLogs : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;
  const char* Name() const override { return "unsynced"; }
  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& how,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    auto status = target()->NewWritableFile(name, how, file, debug);
    if (status.ok() && name.ends_with(".log")) *file = std::make_unique<UnsyncedFile>(std::move(*file));
    return status;
  }
};

class PowerFailure : public MountCrash {
 protected:
  enum class Syncs : unsigned char { done, left_out };

  void SetUp() override {
    MountCrash::SetUp();
    if (const auto why = no_recorded_device(); !why.empty()) GTEST_SKIP() << why;
    if (const char* given = std::getenv("HIKYAKU_POWER_RECORD")) {
      work = given;
    } else {
      auto pattern = (fs::temp_directory_path() / "hikyaku-power-XXXXXX").string();
      ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
      work = pattern;
    }
    fs::create_directories(work / "fuse");
    to_compare = small();  // else the engine reserves more for its log than the disk has
  }
  void TearDown() override {
    MountCrash::TearDown();
    if (!kept_ && !work.empty()) fs::remove_all(work);
  }

  /// Runs in a process whose mounts go with it. False: it failed.
  static bool in_namespace(const std::function<void()>& body) {
    return in_child([&] {
      const auto fault = enter_mount_namespace();
      ASSERT_EQ(fault, "");
      body();
    });
  }

  /// Fills a database on the disk, and writes down what the disk is told.
  void record(Syncs syncs) const {
    const auto before = (work / "before").string();
    const auto make = "rm -f " + before + " && truncate -s 64M " + before +
                      " && mkfs.ext4 -q -F -J size=4 -E lazy_itable_init=0,lazy_journal_init=0 " + before;
    ASSERT_EQ(std::system(make.c_str()), 0) << make;
    fs::copy_file(work / "before", work / "disk", fs::copy_options::overwrite_existing);
    fs::remove(work / "record");
    ASSERT_TRUE(in_namespace([&] {
      std::string fault;
      RecordedDevice device(work / "disk", work / "record", work / "fuse", fault);
      if (fault.empty()) fault = mount_image(device.file(), at);
      ASSERT_EQ(fault, "");
      EXPECT_TRUE(in_child([&] {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        fill(syncs);
        std::fflush(nullptr);
        ::_exit(testing::Test::HasFailure() ? 1 : 0);  // as a crash: nothing is closed
      }));
      EXPECT_EQ(::umount2(at.c_str(), 0), 0);
    }));
  }
  void tell(const Acknowledged& one) const {
    std::ostringstream line;
    write_history(line, one);
    record_told(work / "record", line.str());
  }
  void fill(Syncs syncs) const {
    const auto database = database_of(GetParam(), at);
    database->settings = small();
    if (syncs == Syncs::left_out) {
      database->settings.wrap_files = [](std::shared_ptr<rocksdb::FileSystem> files) {
        return std::make_shared<UnsyncedLogs>(std::move(files));
      };
    }
    std::vector<std::string> notes;
    ASSERT_TRUE(database->mount(notes).has_value());
    auto* boxes = dynamic_cast<Mailboxes*>(database.get());
    for (std::uint64_t number = 0; number < 120; ++number) {
      History done;
      const auto changed = database->change(number, done);
      ASSERT_TRUE(changed.has_value()) << changed.error().text;
      record_told(work / "record", told_lines(done, number, true));
      if (boxes != nullptr && number % 6 == 5) move(*boxes, number);
      if (boxes != nullptr && number % 40 == 25) back_up(*boxes);
      if (number % 50 != 49) continue;
      database->close();
      const auto again = database->mount(notes);
      ASSERT_TRUE(again.has_value()) << again.error().text;
    }
  }
  void move(Mailboxes& boxes, std::uint64_t number) const {
    History done;
    const auto moved = boxes.move(
        number, [this](const Acknowledged& one) { tell(one); }, done);
    ASSERT_TRUE(moved.has_value()) << moved.error().text;
    std::ostringstream lines;
    for (const auto& one : done) write_history(lines, one);
    record_told(work / "record", lines.str());
  }
  void back_up(Mailboxes& boxes) const {
    tell({'b', "begun", 0, 0, 0, {}});
    const auto made = boxes.back_up(at / "backups");
    ASSERT_TRUE(made.has_value()) << made.error().text;
    tell({'B', "made", 0, 0, 0, {}});
  }
  /// What was acknowledged.
  void take_told(const std::string& lines) {
    take(lines);
    std::istringstream in(lines);
    for (const auto& one : read_history(in)) {
      if (one.kind == 'b') backing_up_ = true;
      if (one.kind != 'B') continue;
      backing_up_ = false;
      ++backups_;
    }
  }
  void compare_backups() const {
    if (!fs::exists(at / "backups")) {
      EXPECT_EQ(backups_, 0U);
      return;
    }
    const auto verified = verify_backups(at / "backups", {});
    ASSERT_TRUE(verified.has_value()) << verified.error().text;
    EXPECT_GE(verified->backups, backups_);
    // One that was under way is shown as what it is; those before it are whole.
    EXPECT_LE(verified->faults.size(), backing_up_ ? 1U : 0U);
  }

  /// False: something acknowledged is not there.
  bool compare_in(const fs::path& image) {
    return in_namespace([&] {
      ASSERT_EQ(mount_image(image, at), "");
      mount_and_compare();
      compare_backups();
      EXPECT_EQ(::umount2(at.c_str(), 0), 0);
    });
  }

  /// For somebody to look at: what was recorded, and the disk as it was when the power failed.
  void keep(DeviceReplay& replay, std::size_t end, DeviceReplay::Unsynced unsynced, std::minstd_rand random) {
    kept_ = true;
    const auto image = work / "failed.img";
    replay.make(end, unsynced, random, image);
    const auto* database = GetParam() == Kind::queue ? "queue" : "store";
    std::printf(
        "kept: %s\n  look:   mkdir -p /mnt/failed && mount -o loop,ro %s /mnt/failed && ls /mnt/failed/%s\n"
        "  repeat: tools/power_failures.py --record %s --seed %llu --cuts %zu --kind %s\n",
        image.c_str(), image.c_str(), database, work.c_str(), static_cast<unsigned long long>(seed_), count_,
        GetParam() == Kind::queue ? "queue" : "mailboxes");
  }

  fs::path work;
  const std::uint64_t seed_ = chosen("HIKYAKU_POWER_SEED", 20261129);
  const std::size_t count_ = static_cast<std::size_t>(
      chosen("HIKYAKU_POWER_CUTS", static_cast<std::uint64_t>(rounds(kSanitized ? 5 : 15, 900))));

 private:
  std::size_t backups_ = 0;
  bool backing_up_ = false;
  bool kept_ = std::getenv("HIKYAKU_POWER_RECORD") != nullptr;
};

/// `count` of the moments at which the power may fail, in order: right after syncs (a third of them, or all
/// that there are), and anywhere between.
std::set<std::size_t> moments(const std::vector<DeviceEvent>& events, std::size_t count,
                              std::minstd_rand& random) {
  std::vector<std::size_t> syncs;
  for (std::size_t at = 0; at < events.size(); ++at) {
    if (events[at].kind == DeviceEvent::Kind::sync) syncs.push_back(at + 1);
  }
  std::ranges::shuffle(syncs, random);
  syncs.resize(std::min(syncs.size(), count / 3));
  std::set<std::size_t> all(syncs.begin(), syncs.end());
  while (all.size() < std::min(count, events.size())) all.insert(1 + random() % events.size());
  return all;
}

TEST_P(PowerFailure, BelowExt4LosesNothingThatWasAcknowledged) {
  if (std::getenv("HIKYAKU_POWER_RECORD") == nullptr) record(Syncs::done);
  ASSERT_FALSE(HasFailure());
  fs::copy_file(work / "before", work / "synced", fs::copy_options::overwrite_existing);
  DeviceReplay replay(work / "synced", work / "record");
  const auto& events = replay.events();
  const auto syncs = std::ranges::count(events, DeviceEvent::Kind::sync, &DeviceEvent::kind);
  EXPECT_GT(syncs, 120);
  std::printf("%zu events, %td of them syncs; %zu power failures with seed %llu\n", events.size(), syncs,
              count_, static_cast<unsigned long long>(seed_));
  std::minstd_rand random(static_cast<unsigned>(seed_));
  std::size_t read = 0;
  std::size_t done = 0;
  for (const auto end : moments(events, count_, random)) {
    SCOPED_TRACE("after event " + std::to_string(end) + " of " + std::to_string(events.size()));
    for (; read < end; ++read) {
      if (events[read].kind == DeviceEvent::Kind::told) take_told(replay.text(events[read]));
    }
    unknown = {next};
    const auto unsynced = random() % 3 == 0 ? DeviceReplay::Unsynced::all : DeviceReplay::Unsynced::some;
    const auto before = random;
    replay.make(end, unsynced, random, work / "failed");
    EXPECT_TRUE(compare_in(work / "failed"));
    if (HasFailure()) return keep(replay, end, unsynced, before);
    if (++done % 100 == 0) {
      std::printf("%zu of %zu power failures\n", done, count_);
      std::fflush(stdout);
    }
  }
}

/// It could fail: logs that are not synced are missed.
TEST_P(PowerFailure, FindsThatCommitsWereNotSynced) {
  if (std::getenv("HIKYAKU_POWER_RECORD") != nullptr) GTEST_SKIP() << "a given record is not of this test";
  record(Syncs::left_out);
  ASSERT_FALSE(HasFailure());
  fs::copy_file(work / "before", work / "synced", fs::copy_options::overwrite_existing);
  DeviceReplay replay(work / "synced", work / "record");
  const auto& events = replay.events();
  std::size_t last = 0;
  for (std::size_t event = 0; event < events.size(); ++event) {
    if (events[event].kind != DeviceEvent::Kind::told) continue;
    take_told(replay.text(events[event]));
    last = event + 1;
  }
  ASSERT_GT(last, 0U);
  unknown = {next};
  std::minstd_rand random(1);
  replay.make(last, DeviceReplay::Unsynced::some, random, work / "failed");
  // What the comparison says is what is wanted here, and is no failure of this test.
  std::fflush(nullptr);
  const int out = ::dup(STDOUT_FILENO);
  const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  ::dup2(nowhere, STDOUT_FILENO);
  const bool whole = compare_in(work / "failed");
  ::dup2(out, STDOUT_FILENO);
  ::close(out);
  ::close(nowhere);
  EXPECT_FALSE(whole) << "the commits were not synced, and nothing was missed";
}

INSTANTIATE_TEST_SUITE_P(, PowerFailure, testing::Values(Kind::mailboxes, Kind::queue),
                         [](const auto& row) { return row.param == Kind::queue ? "queue" : "mailboxes"; });

}  // namespace
}  // namespace hikyaku::serve
