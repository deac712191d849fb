#include "cmd/extracted_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/escape.h"
#include "mime/safe_name.h"

namespace hikyaku::cmd {
namespace {

constexpr unsigned kTries = 10'000;

}  // namespace

ExtractedFile::~ExtractedFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> ExtractedFile::write(std::string_view octets, std::uint64_t offset) {
  while (!octets.empty()) {
    const auto size = pwrite(descriptor_, octets.data(), octets.size(), static_cast<off_t>(offset));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0)
      return fail(Fault::permanent, "can't write to " + escaped(name_) + ": " + std::strerror(errno));
    octets.remove_prefix(static_cast<std::size_t>(size));
    offset += static_cast<std::uint64_t>(size);
  }
  return {};
}

Result<void> ExtractedFile::close() {
  // A full disk behind a network may be told only now.
  if (::close(std::exchange(descriptor_, -1)) != 0)
    return fail(Fault::permanent, "can't write to " + escaped(name_) + ": " + std::strerror(errno));
  return {};
}

Result<ExtractFolder> ExtractFolder::open(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0)
    return fail(errno == ENOENT ? Fault::not_found : Fault::permanent,
                "can't open the folder " + escaped(path) + ": " + std::strerror(errno));
  return ExtractFolder(descriptor, path);
}

ExtractFolder::~ExtractFolder() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::unexpected<Error> ExtractFolder::failed(const std::string& name) const {
  return fail(Fault::permanent,
              "can't make the file " + escaped(name) + " in " + escaped(path_) + ": " + std::strerror(errno));
}

Result<std::unique_ptr<ExtractedFile>> ExtractFolder::create(std::string_view name,
                                                             std::string_view otherwise) {
  const auto safe = mime::safe_file_name(name, otherwise);
  for (unsigned number = 0; number < kTries; ++number) {
    auto tried = number == 0 ? safe : mime::numbered_file_name(safe, number);
    const int descriptor =
        openat(descriptor_, tried.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (descriptor >= 0) return std::make_unique<ExtractedFile>(descriptor, std::move(tried));
    if (errno != EEXIST) return failed(tried);
  }
  return failed(safe);
}

Result<std::unique_ptr<ExtractedFile>> ExtractFolder::reopen(const std::string& name) {
  const int descriptor = openat(descriptor_, name.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor < 0) return failed(name);
  return std::make_unique<ExtractedFile>(descriptor, name);
}

}  // namespace hikyaku::cmd
