#include "io/database_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace hikyaku::io {
namespace {

constexpr auto kLockPatience = std::chrono::seconds(5);

struct File {
  int fd = -1;
  explicit File(int opened) : fd(opened) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd >= 0) ::close(fd);
  }
};

/// Postfix locks its Berkeley DB files by flock(2), its LMDB files by fcntl(2).
bool try_locks(int fd) {
  struct flock record {};
  record.l_type = F_RDLCK;
  record.l_whence = SEEK_SET;
  return ::flock(fd, LOCK_SH | LOCK_NB) == 0 && ::fcntl(fd, F_SETLK, &record) == 0;
}

Result<void> lock_shared(int fd, const std::string& path) {
  const auto until = std::chrono::steady_clock::now() + kLockPatience;
  while (!try_locks(fd)) {
    if (errno != EWOULDBLOCK && errno != EINTR && errno != EACCES)
      return fail(Fault::temporary, "locking " + path + ": " + std::strerror(errno));
    if (std::chrono::steady_clock::now() > until)
      return fail(Fault::temporary, path + " is locked by a program that writes it, for more than 5 s");
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return {};
}

bool same_state(const struct stat& a, const struct stat& b) {
  return a.st_ino == b.st_ino && a.st_dev == b.st_dev && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

}  // namespace

std::string_view without_nul(std::string_view text) {
  if (text.ends_with('\0')) text.remove_suffix(1);
  return text;
}

Result<void> read_under_lock(const std::string& path, const std::function<Result<void>()>& read) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) {
    const auto fault = errno == ENOENT ? Fault::not_found : Fault::temporary;
    return fail(fault, "opening " + path + ": " + std::strerror(errno));
  }
  if (auto locked = lock_shared(file.fd, path); !locked) return locked;
  struct stat before {};
  struct stat after {};
  ::fstat(file.fd, &before);
  // Libraries open the file by its name: make sure that it is the one that is locked, before and after.
  if (auto done = read(); !done) return done;
  if (::stat(path.c_str(), &after) != 0 || !same_state(before, after))
    return fail(Fault::temporary, path + " changed while it was read");
  return {};
}

}  // namespace hikyaku::io
