#include "io/database_header.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/crc32c.h"
#include "base/varint.h"

namespace hikyaku::io {
namespace {

constexpr std::string_view kMagic = "hikyaku database header\n";
constexpr std::uint64_t kFormat = 1;
constexpr std::size_t kCopySize = 4096;  // one page: a write of it is not torn by a disk of such sectors
constexpr std::size_t kSumSize = 4;

std::unexpected<Error> system_failure(const std::string& what) {
  const auto fault = errno == ENOSPC || errno == EDQUOT ? Fault::temporary : Fault::permanent;
  return fail(fault, what + ": " + std::strerror(errno));
}

std::unexpected<Error> damaged() { return fail(Fault::corrupt, "database header: damaged"); }

}  // namespace

Result<std::string> encode_header_copy(const DatabaseHeader& header, std::uint64_t count) {
  std::string out(kMagic);
  put_varint(out, kFormat);
  put_varint(out, count);
  put_varint(out, static_cast<std::uint64_t>(header.state));
  put_varint(out, header.signature);
  put_varint(out, header.logs.size());
  for (const auto log : header.logs) put_varint(out, log);
  if (out.size() > kCopySize - kSumSize) {
    return fail(Fault::permanent,
                "database header: " + std::to_string(header.logs.size()) + " logs do not fit in it");
  }
  out.resize(kCopySize - kSumSize);
  const auto sum = crc32c(out);
  for (unsigned shift = 0; shift < 32; shift += 8) out += static_cast<char>(sum >> shift & 0xff);
  return out;
}

Result<HeaderCopy> decode_header_copy(std::string_view copy) {
  if (copy.size() != kCopySize || !copy.starts_with(kMagic)) return damaged();
  auto rest = copy.substr(0, kCopySize - kSumSize);
  std::uint32_t stored = 0;
  for (std::size_t i = 0; i < kSumSize; ++i) {
    stored |= static_cast<std::uint32_t>(static_cast<unsigned char>(copy[rest.size() + i])) << (8 * i);
  }
  if (crc32c(rest) != stored) return damaged();
  rest.remove_prefix(kMagic.size());
  const auto format = take_varint(rest);
  if (!format) return damaged();
  if (*format > kFormat) {
    return fail(Fault::permanent, "database header: format " + std::to_string(*format) +
                                      ", this program knows up to " + std::to_string(kFormat) +
                                      ": use the newer hikyaku that wrote it");
  }
  const auto count = take_varint(rest);
  const auto state = take_varint(rest);
  const auto signature = take_varint(rest);
  const auto logs = take_varint(rest);
  if (!count || !state || *state < 1 || *state > 3 || !signature || !logs || *logs > rest.size())
    return damaged();
  HeaderCopy out{{static_cast<DatabaseHeader::State>(*state), *signature, {}}, *count};
  for (std::uint64_t i = 0; i < *logs; ++i) {
    const auto log = take_varint(rest);
    if (!log || (!out.header.logs.empty() && *log <= out.header.logs.back())) return damaged();
    out.header.logs.push_back(*log);
  }
  return out;
}

HeaderFile::HeaderFile(HeaderFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      header_(std::move(other.header_)),
      count_(other.count_),
      beside_writer_(other.beside_writer_) {}

HeaderFile::~HeaderFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<HeaderFile> HeaderFile::open(const std::filesystem::path& path, Access access,
                                    std::uint64_t signature) {
  HeaderFile file(path);
  const int flags = access == Access::read_write ? O_RDWR | O_CREAT : O_RDONLY;
  file.fd_ = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (file.fd_ < 0 && errno == ENOENT)
    return fail(Fault::not_found, "there is no database at " + path.parent_path().string());
  if (file.fd_ < 0) return system_failure("open " + path.string());
  if (auto locked = file.lock(access); !locked) return std::unexpected(locked.error());
  struct stat facts {};
  if (::fstat(file.fd_, &facts) != 0) return system_failure("look at " + path.string());
  if (facts.st_size == 0 && access == Access::read_write) {
    if (auto made = file.store({DatabaseHeader::State::creating, signature, {}}); !made)
      return std::unexpected(made.error());
    return file;
  }
  if (auto done = file.read(); !done) return std::unexpected(done.error());
  return file;
}

Result<void> HeaderFile::lock(Access access) {
  if (::flock(fd_, (access == Access::read_write ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0) return {};
  if (errno != EWOULDBLOCK) return system_failure("lock " + path_.string());
  beside_writer_ = access == Access::read_only;
  if (beside_writer_) return {};
  return fail(Fault::temporary,
              "the database at " + path_.parent_path().string() + " is open in another process");
}

Result<void> HeaderFile::read() {
  bool found = false;
  for (int place = 0; place < 2; ++place) {
    std::string octets(kCopySize, '\0');
    const auto got = ::pread(fd_, octets.data(), octets.size(), static_cast<off_t>(place * kCopySize));
    if (got < 0) return system_failure("read " + path_.string());
    octets.resize(static_cast<std::size_t>(got));
    auto copy = decode_header_copy(octets);
    if (!copy && copy.error().fault == Fault::permanent) return std::unexpected(copy.error());
    if (!copy || (found && copy->count < count_)) continue;
    found = true;
    header_ = std::move(copy->header);
    count_ = copy->count;
  }
  if (found) return {};
  return fail(Fault::corrupt,
              path_.string() + ": both copies of the database header are damaged; nothing was changed");
}

Result<void> HeaderFile::store(const DatabaseHeader& header) {
  auto copy = encode_header_copy(header, count_ + 1);
  if (!copy) return std::unexpected(copy.error());
  const auto place = static_cast<off_t>((count_ + 1) % 2 * kCopySize);
  if (::pwrite(fd_, copy->data(), copy->size(), place) != static_cast<ssize_t>(copy->size())) {
    return system_failure("write " + path_.string());
  }
  if (::fdatasync(fd_) != 0) return system_failure("sync " + path_.string());
  ++count_;
  header_ = header;
  return {};
}

}  // namespace hikyaku::io
