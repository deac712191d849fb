#include "io/synced_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace hikyaku::io {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> failure(const std::string& what, int error) {
  return fail(error == ENOSPC || error == EDQUOT ? Fault::temporary : Fault::permanent,
              what + ": " + std::strerror(error));
}

bool write_all(int fd, std::string_view octets) {
  while (!octets.empty()) {
    const auto written = ::write(fd, octets.data(), octets.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    octets.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

Result<void> sync_path(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (!synced) return failure("sync " + path.string(), error);
  return {};
}

Result<fs::path> copy_synced(const fs::path& file, const fs::path& folder, const fs::path& above) {
  std::error_code error;
  fs::create_directories(folder, error);
  const auto copy = folder / file.filename();
  if (!error) fs::copy_file(file, copy, fs::copy_options::overwrite_existing, error);
  if (error)
    return fail(error.value() == ENOSPC ? Fault::temporary : Fault::permanent,
                "copy " + file.string() + " to " + copy.string() + ": " + error.message());
  if (auto synced = sync_path(copy); !synced) return std::unexpected(synced.error());
  for (auto at = folder;; at = at.parent_path()) {
    if (auto synced = sync_path(at); !synced) return std::unexpected(synced.error());
    if (at == above || at == at.parent_path()) return copy;
  }
}

Result<void> replace_synced(const fs::path& path, std::string_view contents) {
  auto unfinished = path;
  unfinished += ".new";
  const int fd = ::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return failure("make " + unfinished.string(), errno);
  const bool written = write_all(fd, contents) && ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  if (!written) {
    ::unlink(unfinished.c_str());
    return failure("write " + unfinished.string(), error);
  }
  if (::rename(unfinished.c_str(), path.c_str()) != 0) return failure("rename to " + path.string(), errno);
  return sync_path(path.parent_path());
}

}  // namespace hikyaku::io
