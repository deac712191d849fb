#include "io/maildrop_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "io/synced_files.h"

namespace hikyaku::io {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kLongestName = 100;

std::unexpected<Error> failure(const char* tried, const fs::path& path, int error) {
  const bool full = error == ENOSPC || error == EDQUOT;
  return fail(full ? Fault::temporary : Fault::permanent,
              fmt::format("{} {}: {}", tried, path.string(), std::strerror(error)));
}

}  // namespace

Result<MaildropFile> MaildropFile::create(const fs::path& folder, Time now, Random& random) {
  // The names sort by the time.
  std::array<unsigned char, 8> octets{};
  random.fill(octets);
  const auto name = fmt::format("{:016x}.{:02x}", now.time_since_epoch().count(), fmt::join(octets, ""));
  MaildropFile file(-1, folder, name);
  file.descriptor_ =
      ::open(file.unfinished().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file.descriptor_ < 0) return failure("make", file.unfinished(), errno);
  return file;
}

MaildropFile::MaildropFile(MaildropFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      folder_(std::move(other.folder_)),
      name_(std::move(other.name_)) {}

MaildropFile::~MaildropFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(unfinished().c_str());  // what can't be removed is by the hub, a day later
}

Result<void> MaildropFile::write(std::string_view octets) {
  while (!octets.empty()) {
    const auto written = ::write(descriptor_, octets.data(), octets.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failure("write", unfinished(), errno);
    octets.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> MaildropFile::finish() {
  constexpr mode_t kOwnerAndGroup = 0640;
  if (::fchmod(descriptor_, kOwnerAndGroup) != 0 || ::fsync(descriptor_) != 0)
    return failure("sync", unfinished(), errno);
  if (::rename(unfinished().c_str(), (folder_ / name_).c_str()) != 0)
    return failure("rename", unfinished(), errno);
  ::close(std::exchange(descriptor_, -1));
  return sync_path(folder_);
}

bool MaildropFile::is_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && !name.starts_with('.') &&
         std::ranges::all_of(name, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
                  c == '_';
         });
}

bool MaildropFile::is_unfinished_name(std::string_view name) {
  return name.starts_with('.') && is_name(name.substr(1));
}

}  // namespace hikyaku::io
