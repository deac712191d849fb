#include "serve/spool_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "io/thread_confinement.h"

namespace hikyaku::serve {
namespace {

/// Where the file system has no files without a name it gets one for a moment.
int open_unnamed(const std::string& folder) {
  const int descriptor = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return descriptor;
  auto name = folder + "/hikyaku-milters-XXXXXX";
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(name.c_str());
  return named;
}

}  // namespace

Error SpoolFile::error(const char* doing) const {
  return {Fault::temporary,
          std::string(doing) + " a temporary file in " + folder_ + ": " + std::strerror(errno)};
}

Result<void> SpoolFile::append(std::string_view octets) {
  if (descriptor_ < 0) {
    int why = 0;  // errno is of the thread that opened
    descriptor_ = io::by_opener([this, &why] {
      const int opened = open_unnamed(folder_);
      why = errno;
      return opened;
    });
    errno = why;
  }
  if (descriptor_ < 0) return std::unexpected(error("make"));
  while (!octets.empty()) {
    const auto written = ::pwrite(descriptor_, octets.data(), octets.size(), static_cast<off_t>(size_));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return std::unexpected(error("write"));
    size_ += static_cast<std::uint64_t>(written);
    octets.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<std::string> SpoolFile::read(std::uint64_t offset, std::size_t size) {
  std::string octets(size, '\0');
  std::size_t got = 0;
  while (got < size) {
    const auto count =
        ::pread(descriptor_, octets.data() + got, size - got, static_cast<off_t>(offset + got));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::unexpected(error("read"));
    if (count == 0) return fail(Fault::temporary, "a temporary file in " + folder_ + " ends too early");
    got += static_cast<std::size_t>(count);
  }
  return octets;
}

void SpoolFile::clear() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
  size_ = 0;
}

}  // namespace hikyaku::serve
