#include "cmd/ese_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/escape.h"

namespace hikyaku::cmd {
namespace {

std::unexpected<Error> not_opened(const std::string& name, const std::string& why) {
  return fail(Fault::not_found, escaped(name) + ": " + why);
}

}  // namespace

Result<std::unique_ptr<InputFile>> InputFile::open(const std::string& path, const std::string& name) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return not_opened(name, std::strerror(errno));
  // A device says its size by its end.
  struct stat facts {};
  const bool known = ::fstat(file, &facts) == 0;
  const auto size = known && S_ISREG(facts.st_mode)   ? facts.st_size
                    : known && S_ISBLK(facts.st_mode) ? ::lseek(file, 0, SEEK_END)
                                                      : off_t{-1};
  if (size < 0) {
    ::close(file);
    return not_opened(name, "not a file that can be read from any place");
  }
  return std::unique_ptr<InputFile>(new InputFile(file, static_cast<std::uint64_t>(size), name));
}

InputFile::~InputFile() { ::close(file_); }

Result<std::string_view> InputFile::read(std::uint64_t offset, std::size_t octets) {
  if (buffer_.size() < octets) buffer_.resize(octets);
  std::size_t done = 0;
  while (done < octets) {
    const auto got = ::pread(file_, buffer_.data() + done, octets - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return fail(Fault::corrupt,
                  escaped(name_) + ": offset " + std::to_string(offset + done) + ": " + std::strerror(errno));
    }
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return std::string_view(buffer_).substr(0, done);
}

Result<std::vector<std::string>> InputDirectory::names() {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator file(path_, error), end; !error && file != end;
       file.increment(error))
    names.push_back(file->path().filename().string());
  if (error) return not_opened(path_, error.message());
  return names;
}

Result<std::unique_ptr<ese::RandomAccess>> InputDirectory::open(const std::string& name) {
  auto file = InputFile::open((std::filesystem::path(path_) / name).string(), name);
  if (!file) return std::unexpected(file.error());
  return std::unique_ptr<ese::RandomAccess>(std::move(*file));
}

}  // namespace hikyaku::cmd
