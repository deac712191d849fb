#include "cmd/octet_stream.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "base/escape.h"

namespace hikyaku::cmd {
namespace {

std::unexpected<Error> failed(Fault fault, std::string_view what, const std::string& name, int number) {
  return fail(fault, "can't " + std::string(what) + ' ' + escaped(name) + ": " + std::strerror(number));
}

bool regular_file(int fd) {
  struct stat about;
  return ::fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
}

/// Of a regular file, else 0. Those of /proc have none either.
off_t size_of(int fd) {
  struct stat about;
  return ::fstat(fd, &about) == 0 && S_ISREG(about.st_mode) ? about.st_size : 0;
}

/// There is nothing to go back to: the octets that were promised are not there.
extern "C" void end_at_bus_error(int) {
  constexpr std::string_view kText =
      "hikyaku: the input was cut, or can't be read, while it was read: stopped\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kText.data(), kText.size());
  ::_exit(EX_IOERR);
}

}  // namespace

StreamDescriptor::StreamDescriptor(StreamDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

StreamDescriptor::~StreamDescriptor() {
  if (fd_ > STDERR_FILENO) ::close(fd_);
}

int StreamDescriptor::close() { return ::close(std::exchange(fd_, -1)) == 0 ? 0 : errno; }

OctetSource::OctetSource(int fd, std::string name)
    : fd_(fd),
      name_(std::move(name)),
      size_(size_of(fd)),
      buffer_(std::make_unique_for_overwrite<char[]>(kPiece)) {}

Result<OctetSource> OctetSource::open(const std::string& path) {
  std::signal(SIGBUS, end_at_bus_error);
  if (path == "-") return OctetSource(STDIN_FILENO, "the standard input");
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed(Fault::not_found, "open", path, errno);
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);  // a hint: it may be refused
  return OctetSource(fd, path);
}

OctetSource::OctetSource(OctetSource&& other) noexcept
    : fd_(std::move(other.fd_)),
      name_(std::move(other.name_)),
      size_(other.size_),
      buffer_(std::move(other.buffer_)),
      window_(std::exchange(other.window_, nullptr)),
      window_size_(other.window_size_),
      unread_(other.unread_),
      may_map_(other.may_map_) {}

OctetSource::~OctetSource() { unmap(); }

bool OctetSource::is_file_of(int descriptor) const {
  struct stat a, b;
  return ::fstat(fd_.get(), &a) == 0 && ::fstat(descriptor, &b) == 0 && S_ISREG(a.st_mode) &&
         a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

Result<std::string_view> OctetSource::read(std::size_t most) {
  if (may_map_ && unread_.empty()) may_map_ = map_next();
  if (!unread_.empty()) {
    const auto piece = unread_.substr(0, most);
    unread_.remove_prefix(piece.size());
    return piece;
  }
  while (true) {
    const auto count = ::read(fd_.get(), buffer_.get(), std::min(most, kPiece));
    if (count == 0 && size_ != 0 && ::lseek(fd_.get(), 0, SEEK_CUR) > size_of(fd_.get())) {
      return fail(Fault::temporary, escaped(name_) + " was cut while it was read");
    }
    if (count >= 0) return std::string_view(buffer_.get(), static_cast<std::size_t>(count));
    if (errno != EINTR) return failed(Fault::temporary, "read", name_, errno);
  }
}

/// False: nothing that is worth it, or can be. The offset of the descriptor moves as by read(2): the rest of
/// the file, and what was written to it meanwhile, is read so.
bool OctetSource::map_next() {
  unmap();
  const auto offset = ::lseek(fd_.get(), 0, SEEK_CUR);
  if (offset < 0 || size_of(fd_.get()) - offset < static_cast<off_t>(kWindow)) return false;
  const auto into_page = offset % ::sysconf(_SC_PAGESIZE);
  window_size_ = kWindow + static_cast<std::size_t>(into_page);
  window_ =
      ::mmap(nullptr, window_size_, PROT_READ, MAP_SHARED | MAP_POPULATE, fd_.get(), offset - into_page);
  if (window_ == MAP_FAILED) window_ = nullptr;
  if (window_ == nullptr) return false;
  unread_ = std::string_view(static_cast<const char*>(window_), window_size_)
                .substr(static_cast<std::size_t>(into_page));
  return ::lseek(fd_.get(), static_cast<off_t>(kWindow), SEEK_CUR) >= 0;
}

void OctetSource::unmap() {
  if (window_ != nullptr) ::munmap(window_, window_size_);
  window_ = nullptr;
}

Result<OctetSink> OctetSink::open(const std::string& path, const OctetSource& source) {
  const bool standard = path == "-";
  OctetSink sink(standard ? STDOUT_FILENO : ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666),
                 standard ? "the standard output" : path);
  const int fd = sink.fd_.get();
  if (fd < 0) return failed(Fault::permanent, "write to", path, errno);
  if (source.is_file_of(fd)) {
    return fail(Fault::permanent,
                escaped(sink.name_) + " is the file that is read: nothing is written to it");
  }
  if (!standard && regular_file(fd) && ::ftruncate(fd, 0) != 0)
    return failed(Fault::permanent, "empty", path, errno);
  return sink;
}

Result<void> OctetSink::write(std::string_view octets) {
  while (!octets.empty()) {
    const auto count = ::write(fd_.get(), octets.data(), octets.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed(Fault::temporary, "write to", name_, errno);
    octets.remove_prefix(static_cast<std::size_t>(count));
    written_ += static_cast<std::uint64_t>(count);
  }
  return {};
}

Result<void> OctetSink::close() {
  if (const int number = fd_.close(); number != 0) return failed(Fault::temporary, "write to", name_, number);
  return {};
}

}  // namespace hikyaku::cmd
