#include "io/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace hikyaku::io {
namespace {

std::unexpected<Error> failed(const std::filesystem::path& path, int fd) {
  const int error = errno;
  if (fd >= 0) ::close(fd);
  return fail(error == ENOENT ? Fault::not_found : Fault::permanent,
              "read " + path.string() + ": " + std::strerror(error));
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat facts {};
  if (fd < 0 || ::fstat(fd, &facts) != 0) return failed(path, fd);
  MappedFile file;
  file.size_ = static_cast<std::size_t>(facts.st_size);
  if (file.size_ > 0) {
    void* const address = ::mmap(nullptr, file.size_, PROT_READ, MAP_PRIVATE, fd, 0);
    if (address == MAP_FAILED) return failed(path, fd);
    file.address_ = static_cast<const char*>(address);
    ::madvise(address, file.size_, MADV_SEQUENTIAL);
  }
  ::close(fd);
  return file;
}

MappedFile::~MappedFile() {
  if (address_ != nullptr) ::munmap(const_cast<char*>(address_), size_);
}

}  // namespace hikyaku::io
