#include "serve/recorded_device.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fuse.h>
#include <linux/loop.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace hikyaku::serve::testing_support {
namespace {

namespace fs = std::filesystem;

std::string failed(const std::string& what) { return what + ": " + std::strerror(errno); }

/// What stands before the octets of an event in the record.
struct Head {
  std::uint64_t kind, offset, octets;
};

/// Whole, or the record is worth nothing. O_APPEND keeps what several processes write apart.
void append(int record, const Head& head, const void* octets) {
  const std::array<iovec, 2> parts{
      iovec{const_cast<Head*>(&head), sizeof head},
      iovec{const_cast<void*>(octets), octets != nullptr ? static_cast<std::size_t>(head.octets) : 0}};
  const auto wanted = static_cast<ssize_t>(parts[0].iov_len + parts[1].iov_len);
  if (::writev(record, parts.data(), 2) != wanted) ::_exit(3);
}

/// The server's end of the talk with the kernel (linux/fuse.h): one request at a time, so that the record has
/// the order in which they took effect.
class FuseServer {
 public:
  FuseServer(int device, int image, int record) : device_(device), image_(image), record_(record) {
    struct stat status {};
    if (::fstat(image, &status) != 0) ::_exit(3);
    size_ = static_cast<std::uint64_t>(status.st_size);
  }
  /// Until it is unmounted.
  void serve() {
    std::string request(kLargestWrite + 65'536, '\0');
    for (;;) {
      const auto got = ::read(device_, request.data(), request.size());
      if (got < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN)) continue;
      if (got < static_cast<ssize_t>(sizeof(fuse_in_header))) return;
      std::memcpy(&head_, request.data(), sizeof head_);
      handle(request.data() + sizeof head_);
    }
  }

 private:
  static constexpr std::size_t kLargestWrite = std::size_t{1} << 20;
  static constexpr std::uint64_t kFile = 2;

  template <class In>
  static In read_as(const char* body) {
    In in{};
    std::memcpy(&in, body, sizeof in);
    return in;
  }
  void answer(int error, const void* octets = nullptr, std::size_t size = 0) const {
    const fuse_out_header head{static_cast<std::uint32_t>(sizeof(fuse_out_header) + size), -error,
                               head_.unique};
    const std::array<iovec, 2> parts{iovec{const_cast<fuse_out_header*>(&head), sizeof head},
                                     iovec{const_cast<void*>(octets), size}};
    // ENOENT: who asked was killed meanwhile.
    if (::writev(device_, parts.data(), 2) < 0 && errno != ENOENT) ::_exit(3);
  }
  template <class Out>
  void answer_with(const Out& out) const {
    answer(0, &out, sizeof out);
  }
  fuse_attr attributes(std::uint64_t node) const {
    fuse_attr all{};
    all.ino = node;
    all.size = node == kFile ? size_ : 0;
    all.mode = node == kFile ? S_IFREG | 0600 : S_IFDIR | 0700;
    all.nlink = 1;
    all.blksize = 4096;
    return all;
  }

  void handle(const char* body) {
    switch (head_.opcode) {
      case FUSE_INIT:
        return begin(read_as<fuse_init_in>(body));
      case FUSE_LOOKUP: {
        if (std::strcmp(body, "disk") != 0) return answer(ENOENT);
        fuse_entry_out out{};
        out.nodeid = kFile;
        out.attr = attributes(kFile);
        return answer_with(out);
      }
      case FUSE_GETATTR:
      case FUSE_SETATTR: {
        fuse_attr_out out{};
        out.attr = attributes(head_.nodeid);
        return answer_with(out);
      }
      case FUSE_OPEN:
        return answer_with(fuse_open_out{});
      case FUSE_READ:
        return read_octets(read_as<fuse_read_in>(body));
      case FUSE_WRITE:
        return write_octets(read_as<fuse_write_in>(body), body + sizeof(fuse_write_in));
      case FUSE_FSYNC:
        append(record_, {static_cast<std::uint64_t>(DeviceEvent::Kind::sync), 0, 0}, nullptr);
        return answer(0);
      case FUSE_STATFS:
        return answer_with(fuse_statfs_out{});
      case FUSE_FLUSH:
      case FUSE_RELEASE:
      case FUSE_DESTROY:
        return answer(0);
      case FUSE_FORGET:
      case FUSE_BATCH_FORGET:
      case FUSE_INTERRUPT:
        return;  // these want no answer
      default:
        return answer(ENOSYS);
    }
  }
  void begin(const fuse_init_in& in) const {
    fuse_init_out out{};
    out.major = FUSE_KERNEL_VERSION;
    out.minor = std::min<std::uint32_t>(in.minor, FUSE_KERNEL_MINOR_VERSION);
    out.max_readahead = in.max_readahead;
    out.flags = in.flags & (FUSE_BIG_WRITES | FUSE_MAX_PAGES);
    out.max_background = 16;
    out.congestion_threshold = 12;
    out.max_write = kLargestWrite;
    out.max_pages = kLargestWrite / 4096;
    out.time_gran = 1;
    answer_with(out);
  }
  void read_octets(const fuse_read_in& in) const {
    std::string octets(in.size, '\0');
    const auto got = ::pread(image_, octets.data(), octets.size(), static_cast<off_t>(in.offset));
    if (got < 0) return answer(EIO);
    answer(0, octets.data(), static_cast<std::size_t>(got));
  }
  void write_octets(const fuse_write_in& in, const char* octets) const {
    append(record_, {static_cast<std::uint64_t>(DeviceEvent::Kind::write), in.offset, in.size}, octets);
    if (::pwrite(image_, octets, in.size, static_cast<off_t>(in.offset)) != static_cast<ssize_t>(in.size))
      return answer(EIO);
    answer_with(fuse_write_out{in.size, 0});
  }

  const int device_, image_, record_;
  std::uint64_t size_ = 0;
  fuse_in_header head_{};
};

void write_all(int fd, std::string_view octets, std::uint64_t offset) {
  EXPECT_EQ(::pwrite(fd, octets.data(), octets.size(), static_cast<off_t>(offset)),
            static_cast<ssize_t>(octets.size()));
}

}  // namespace

std::string enter_mount_namespace() {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return failed("ask to end with the parent");
  if (::unshare(CLONE_NEWNS) != 0) return failed("make a mount namespace");
  if (::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return failed("keep mounts private");
  return {};
}

std::string mount_image(const fs::path& image, const fs::path& folder) {
  const int control = ::open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  if (control < 0) return failed("open /dev/loop-control");
  const int file = ::open(image.c_str(), O_RDWR | O_CLOEXEC);
  std::string fault = file < 0 ? failed("open " + image.string()) : "no loop device was free";
  // Others may take the one that was free.
  for (int tries = 0; file >= 0 && tries < 50; ++tries) {
    const int number = ::ioctl(control, LOOP_CTL_GET_FREE);
    const auto name = "/dev/loop" + std::to_string(number);
    const int loop = number < 0 ? -1 : ::open(name.c_str(), O_RDWR | O_CLOEXEC);
    if (loop < 0) {
      fault = failed("open a loop device " + name);
      break;
    }
    loop_config config{};
    config.fd = static_cast<std::uint32_t>(file);
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (::ioctl(loop, LOOP_CONFIGURE, &config) != 0) {
      const bool taken = errno == EBUSY;
      fault = failed("configure " + name);
      ::close(loop);
      if (taken) continue;
      break;
    }
    fault = ::mount(name.c_str(), folder.c_str(), "ext4", MS_NOATIME, nullptr) == 0
                ? std::string()
                : failed("mount " + image.string() + " as ext4");
    ::close(loop);
    break;
  }
  if (file >= 0) ::close(file);
  ::close(control);
  return fault;
}

std::string no_recorded_device() {
  if (::geteuid() != 0) return "mounting needs root";
  for (const char* path : {"/dev/fuse", "/dev/loop-control"}) {
    const int fd = ::open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return failed(std::string("open ") + path);
    ::close(fd);
  }
  if (::access("/usr/sbin/mkfs.ext4", X_OK) != 0 && ::access("/sbin/mkfs.ext4", X_OK) != 0)
    return "there is no mkfs.ext4 (package e2fsprogs)";
  return {};
}

RecordedDevice::RecordedDevice(const fs::path& image, const fs::path& record, fs::path folder,
                               std::string& fault)
    : folder_(std::move(folder)) {
  const int device = ::open("/dev/fuse", O_RDWR | O_CLOEXEC);
  const int file = ::open(image.c_str(), O_RDWR | O_CLOEXEC);
  const int written = ::open(record.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (device < 0 || file < 0 || written < 0) {
    fault = failed("open /dev/fuse, " + image.string() + " and " + record.string());
    return;
  }
  const auto options = "fd=" + std::to_string(device) + ",rootmode=40000,user_id=0,group_id=0";
  if (::mount("hikyaku-recorded", folder_.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) != 0) {
    fault = failed("mount " + folder_.string() + " as fuse");
    return;
  }
  server_ = ::fork();
  if (server_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    FuseServer(device, file, written).serve();
    ::_exit(0);
  }
  for (const int fd : {device, file, written}) ::close(fd);
}

RecordedDevice::~RecordedDevice() {
  if (server_ < 0) return;
  EXPECT_EQ(::umount2(folder_.c_str(), 0), 0) << failed("unmount " + folder_.string());
  int status = 0;
  ::waitpid(server_, &status, 0);
  EXPECT_EQ(status, 0) << "the server of " << folder_ << " did not end well";
}

void record_told(const fs::path& record, const std::string& text) {
  const int fd = ::open(record.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  ASSERT_GE(fd, 0) << failed("open " + record.string());
  append(fd, {static_cast<std::uint64_t>(DeviceEvent::Kind::told), 0, text.size()}, text.data());
  ::close(fd);
}

std::vector<DeviceEvent> read_record(const fs::path& record) {
  std::vector<DeviceEvent> events;
  const int fd = ::open(record.c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_GE(fd, 0) << failed("open " + record.string());
  Head head{};
  for (std::uint64_t at = 0; ::pread(fd, &head, sizeof head, static_cast<off_t>(at)) == sizeof head;) {
    at += sizeof head;
    events.push_back({static_cast<DeviceEvent::Kind>(head.kind), head.offset, head.octets, at});
    at += head.octets;
  }
  ::close(fd);
  return events;
}

DeviceReplay::DeviceReplay(fs::path image, const fs::path& record)
    : image_(std::move(image)),
      events_(read_record(record)),
      record_(::open(record.c_str(), O_RDONLY | O_CLOEXEC)) {}

DeviceReplay::~DeviceReplay() { ::close(record_); }

std::string DeviceReplay::octets_of(const DeviceEvent& event) const {
  std::string octets(event.octets, '\0');
  EXPECT_EQ(::pread(record_, octets.data(), octets.size(), static_cast<off_t>(event.at)),
            static_cast<ssize_t>(octets.size()));
  return octets;
}

void DeviceReplay::make(std::size_t count, Unsynced unsynced, std::minstd_rand& random, const fs::path& to) {
  using Kind = DeviceEvent::Kind;
  auto synced = count;
  while (synced > 0 && events_[synced - 1].kind != Kind::sync) --synced;
  ASSERT_GE(synced, applied_) << "an earlier image was asked for after a later one";
  const int image = ::open(image_.c_str(), O_WRONLY | O_CLOEXEC);
  ASSERT_GE(image, 0) << failed("open " + image_.string());
  for (; applied_ < synced; ++applied_) {
    if (events_[applied_].kind == Kind::write)
      write_all(image, octets_of(events_[applied_]), events_[applied_].offset);
  }
  ::close(image);
  fs::remove(to);  // its octets may still be a loop device's
  fs::copy_file(image_, to);
  const int made = ::open(to.c_str(), O_WRONLY | O_CLOEXEC);
  ASSERT_GE(made, 0) << failed("open " + to.string());
  for (auto at = synced; at < count; ++at) {
    const auto& event = events_[at];
    if (event.kind != Kind::write) continue;
    const auto fate = unsynced == Unsynced::all ? 0 : random() % 5;  // 0, 1: whole; 2, 3: not at all; 4: torn
    if (fate == 2 || fate == 3) continue;
    const auto octets = octets_of(event);
    constexpr std::size_t kSector = 4096;  // ext4 wants its superblock whole, as disks of today keep it
    if (fate < 2) write_all(made, octets, event.offset);
    for (std::size_t sector = 0; fate == 4 && sector < octets.size(); sector += kSector) {
      if (random() % 2 == 0)
        write_all(made, std::string_view(octets).substr(sector, kSector), event.offset + sector);
    }
  }
  ::close(made);
}

namespace {

/// What was written down gives the disk back, octet for octet.
TEST(RecordedDevice, TheRecordOfAFileSystemGivesTheFileSystemBack) {
  if (const auto why = no_recorded_device(); !why.empty()) GTEST_SKIP() << why;
  std::string pattern = (fs::temp_directory_path() / "hikyaku-device-XXXXXX").string();
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  const fs::path at = pattern;
  for (const char* name : {"fuse", "disk"}) fs::create_directories(at / name);
  ASSERT_EQ(std::system(("truncate -s 16M " + (at / "image").string() + " && mkfs.ext4 -q -F " +
                         (at / "image").string())
                            .c_str()),
            0);
  fs::copy_file(at / "image", at / "before");
  const auto child = ::fork();
  if (child == 0) {
    auto fault = enter_mount_namespace();
    {
      RecordedDevice device(at / "image", at / "record", at / "fuse", fault);
      if (fault.empty()) fault = mount_image(device.file(), at / "disk");
      EXPECT_EQ(fault, "");
      const int fd = ::open((at / "disk/file").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
      write_all(fd, "hello", 0);
      EXPECT_EQ(::fsync(fd), 0);
      ::close(fd);
      record_told(at / "record", "done");
      EXPECT_EQ(::umount2((at / "disk").c_str(), 0), 0);
    }
    std::fflush(nullptr);
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_EQ(status, 0);
  DeviceReplay replay(at / "before", at / "record");
  const auto& events = replay.events();
  const auto told = std::ranges::find(events, DeviceEvent::Kind::told, &DeviceEvent::kind);
  ASSERT_NE(told, events.end());
  EXPECT_EQ(replay.text(*told), "done");
  // It was synced before it was told.
  EXPECT_TRUE(
      std::any_of(events.begin(), told, [](const auto& one) { return one.kind == DeviceEvent::Kind::sync; }));
  std::minstd_rand random(1);
  replay.make(events.size(), DeviceReplay::Unsynced::all, random, at / "after");
  EXPECT_EQ(std::system(("cmp " + (at / "after").string() + ' ' + (at / "image").string()).c_str()), 0);
  fs::remove_all(at);
}

}  // namespace
}  // namespace hikyaku::serve::testing_support
