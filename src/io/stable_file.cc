#include "io/stable_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace hikyaku::io {
namespace {

constexpr int kTries = 10;
constexpr auto kPause = std::chrono::milliseconds(100);
constexpr std::uint64_t kMaxOctets = 0xffff'ffffU;

FileStamp stamp_from(const struct stat& state) {
  return {true, state.st_dev, state.st_ino, static_cast<std::uint64_t>(state.st_size), state.st_mtim};
}

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

std::unexpected<Error> failed(const std::string& path) {
  const Fault fault = errno == ENOENT || errno == ENOTDIR  ? Fault::not_found
                      : errno == EACCES || errno == EISDIR ? Fault::permanent
                                                           : Fault::temporary;
  return fail(fault, "reading " + path + ": " + std::strerror(errno));
}

Result<std::string> read_to_end(int fd, std::uint64_t expected, const std::string& path) {
  std::string text;
  text.resize(expected + 1);  // one more, so that the end is seen without growing
  std::size_t size = 0;
  for (;;) {
    if (size == text.size()) text.resize(text.size() * 2);
    const ssize_t got = ::read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(path);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
    if (size > kMaxOctets) return fail(Fault::permanent, path + " is larger than 4 GiB");
  }
  text.resize(size);
  return text;
}

}  // namespace

bool FileStamp::operator==(const FileStamp& other) const {
  return exists == other.exists && device == other.device && inode == other.inode && size == other.size &&
         changed.tv_sec == other.changed.tv_sec && changed.tv_nsec == other.changed.tv_nsec;
}

bool FileStamp::newer_than(const FileStamp& other) const {
  return changed.tv_sec != other.changed.tv_sec ? changed.tv_sec > other.changed.tv_sec
                                                : changed.tv_nsec > other.changed.tv_nsec;
}

bool FileStamp::is_hot(std::time_t seconds) const {
  return exists && changed.tv_sec + seconds >= std::time(nullptr);
}

FileStamp stamp_of(const std::string& path) {
  struct stat state {};
  return ::stat(path.c_str(), &state) == 0 ? stamp_from(state) : FileStamp{};
}

Result<StableFile> read_stable_file(const std::string& path) {
  for (int tries = 0; tries < kTries; ++tries) {
    if (tries > 0) std::this_thread::sleep_for(kPause);
    const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    struct stat before {};
    if (file.fd < 0 || ::fstat(file.fd, &before) != 0) return failed(path);
    if (!S_ISREG(before.st_mode) && !S_ISCHR(before.st_mode)) {
      return fail(Fault::permanent, "reading " + path + ": this is no regular file");
    }
    if (static_cast<std::uint64_t>(before.st_size) > kMaxOctets) {
      return fail(Fault::permanent, path + " is larger than 4 GiB");
    }
    auto text = read_to_end(file.fd, static_cast<std::uint64_t>(before.st_size), path);
    if (!text) return std::unexpected(text.error());
    struct stat after {};
    if (::fstat(file.fd, &after) != 0) return failed(path);
    const FileStamp stamp = stamp_from(after);
    if (stamp == stamp_from(before) && (S_ISCHR(after.st_mode) || text->size() == stamp.size)) {
      return StableFile{std::move(*text), stamp};
    }
  }
  return fail(Fault::temporary, path + " keeps changing while it is read");
}

}  // namespace hikyaku::io
