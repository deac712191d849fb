#include "io/database_header.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

#include "base/crc32c.h"
#include "base/varint.h"
#include "io/log_files.h"
#include "io/synced_files.h"

namespace hikyaku::io {
namespace {

constexpr std::string_view kMagic = "hikyaku database header\n";
constexpr std::string_view kMarkMagic = "hikyaku acknowledged\n";
// 1: the logs by their numbers alone, no times; 2: no lists of tables
constexpr std::uint64_t kFormat = 3;
constexpr std::size_t kCopySize = 4096;  // one page: a write of it is not torn by a disk of such sectors
constexpr std::size_t kSumSize = 4;

std::unexpected<Error> system_failure(const std::string& what) {
  const auto fault = errno == ENOSPC || errno == EDQUOT ? Fault::temporary : Fault::permanent;
  return fail(fault, what + ": " + std::strerror(errno));
}

void put_sum(std::string& out) {
  const auto sum = crc32c(out);
  for (unsigned shift = 0; shift < 32; shift += 8) out += static_cast<char>(sum >> shift & 0xff);
}

/// Whether the last four octets are the checksum of those before.
bool sum_holds(std::string_view octets) {
  if (octets.size() < kSumSize) return false;
  const auto summed = octets.substr(0, octets.size() - kSumSize);
  std::uint32_t stored = 0;
  for (std::size_t i = 0; i < kSumSize; ++i) {
    stored |= static_cast<std::uint32_t>(static_cast<unsigned char>(octets[summed.size() + i])) << (8 * i);
  }
  return crc32c(summed) == stored;
}

std::uint64_t microseconds(Time time) { return static_cast<std::uint64_t>(time.time_since_epoch().count()); }
Time time_of(std::uint64_t microseconds) {
  return Time{std::chrono::microseconds{static_cast<std::int64_t>(microseconds)}};
}

/// How far changes were acknowledged, of the database with this signature.
constexpr std::size_t kMarkSize = 64;
std::string encode_mark(std::uint64_t signature, std::uint64_t sequence) {
  std::string out(kMarkMagic);
  put_varint(out, signature);
  put_varint(out, sequence);
  out.resize(kMarkSize - kSumSize);
  put_sum(out);
  return out;
}
std::uint64_t decode_mark(std::string_view mark, std::uint64_t signature) {
  if (mark.size() != kMarkSize || !mark.starts_with(kMarkMagic) || !sum_holds(mark)) return 0;
  mark.remove_prefix(kMarkMagic.size());
  const auto of = take_varint(mark);
  const auto sequence = take_varint(mark);
  return of && sequence && *of == signature ? *sequence : 0;
}

bool take_manifests(std::string_view& rest, DatabaseHeader& header) {
  const auto count = take_varint(rest);
  if (!count || *count > rest.size()) return false;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto number = take_varint(rest);
    const auto octets = take_varint(rest);
    const auto checksum = take_varint(rest);
    if (!number || !octets || !checksum || *checksum > UINT32_MAX ||
        (!header.manifests.empty() && *number <= header.manifests.back().number))
      return false;
    header.manifests.push_back({*number, *octets, static_cast<std::uint32_t>(*checksum)});
  }
  const auto identity = take_varint(rest);
  if (!identity || *identity > UINT32_MAX) return false;
  header.identity = static_cast<std::uint32_t>(*identity);
  return true;
}

std::unexpected<Error> damaged() { return fail(Fault::corrupt, "database header: damaged"); }

}  // namespace

std::uint64_t random_signature() {
  std::random_device device;
  return (std::uint64_t{device()} << 32 | device()) | 1;
}

Result<std::string> encode_header_copy(const DatabaseHeader& header, std::uint64_t count) {
  std::string out(kMagic);
  put_varint(out, kFormat);
  put_varint(out, count);
  put_varint(out, static_cast<std::uint64_t>(header.state));
  put_varint(out, header.signature);
  put_varint(out, header.logs.size());
  for (const auto& log : header.logs) {
    put_varint(out, log.number);
    put_varint(out, log.first_record);
    put_varint(out, log.begins_after);
  }
  for (const auto time : {header.consistent, header.full_backup, header.incremental_backup})
    put_varint(out, microseconds(time));
  put_varint(out, header.manifests.size());
  for (const auto& manifest : header.manifests) {
    put_varint(out, manifest.number);
    put_varint(out, manifest.octets);
    put_varint(out, manifest.checksum);
  }
  put_varint(out, header.identity);
  if (out.size() > kCopySize - kSumSize) {
    return fail(Fault::permanent,
                "database header: " + std::to_string(header.logs.size()) + " logs do not fit in it");
  }
  out.resize(kCopySize - kSumSize);
  put_sum(out);
  return out;
}

Result<HeaderCopy> decode_header_copy(std::string_view copy) {
  if (copy.size() != kCopySize || !copy.starts_with(kMagic)) return damaged();
  if (!sum_holds(copy)) return damaged();
  auto rest = copy.substr(0, kCopySize - kSumSize);
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
  if (!count || !state || *state < 1 || *state > (*format < 2 ? 3U : 4U) || !signature || !logs ||
      *logs > rest.size())
    return damaged();
  HeaderCopy out;
  out.count = *count;
  out.header.state = static_cast<DatabaseHeader::State>(*state);
  out.header.signature = *signature;
  for (std::uint64_t i = 0; i < *logs; ++i) {
    const auto number = take_varint(rest);
    const auto first_record = *format < 2 ? 0 : take_varint(rest);
    const auto begins_after = *format < 2 ? 0 : take_varint(rest);
    if (!number || !first_record || !begins_after || *first_record > UINT32_MAX ||
        (!out.header.logs.empty() && *number <= out.header.logs.back().number))
      return damaged();
    out.header.logs.push_back({*number, static_cast<std::uint32_t>(*first_record), *begins_after});
  }
  if (*format < 2) return out;
  for (auto* time : {&out.header.consistent, &out.header.full_backup, &out.header.incremental_backup}) {
    const auto microseconds = take_varint(rest);
    if (!microseconds) return damaged();
    *time = time_of(*microseconds);
  }
  if (*format < 3) return out;
  if (!take_manifests(rest, out.header)) return damaged();
  return out;
}

HeaderFile::HeaderFile(HeaderFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      header_(std::move(other.header_)),
      count_(other.count_),
      acknowledged_(other.acknowledged_),
      beside_writer_(other.beside_writer_),
      damage_(std::move(other.damage_)) {}

HeaderFile& HeaderFile::operator=(HeaderFile&& other) noexcept {
  path_.swap(other.path_);
  std::swap(fd_, other.fd_);
  std::swap(header_, other.header_);
  std::swap(count_, other.count_);
  std::swap(acknowledged_, other.acknowledged_);
  std::swap(beside_writer_, other.beside_writer_);
  damage_.swap(other.damage_);
  return *this;
}

HeaderFile::~HeaderFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<HeaderFile> HeaderFile::open_file(const std::filesystem::path& path, Access access) {
  HeaderFile file(path);
  const int flags = access == Access::read_write ? O_RDWR | O_CREAT : O_RDONLY;
  file.fd_ = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (file.fd_ < 0 && errno == ENOENT)
    return fail(Fault::not_found, "there is no database at " + path.parent_path().string());
  if (file.fd_ < 0) return system_failure("open " + path.string());
  if (auto locked = file.lock(access); !locked) return std::unexpected(locked.error());
  return file;
}

Result<HeaderFile> HeaderFile::open(const std::filesystem::path& path, Access access,
                                    std::uint64_t signature) {
  // A fresh one would say that nothing is there that could be damaged.
  std::error_code error;
  const bool used = std::filesystem::exists(path.parent_path() / "db" / "CURRENT", error);
  const auto lost = [&](const char* how) {
    return fail(Fault::corrupt, "the database's header " + path.string() + " is " + how +
                                    ", and its folder db is there; nothing was changed. Restore it from a "
                                    "copy; or have it made from what is there, with: hikyaku store mount");
  };
  if (used && !std::filesystem::exists(path, error)) return lost("missing");
  auto file = open_file(path, access);
  if (!file) return file;
  struct stat facts {};
  if (::fstat(file->fd_, &facts) != 0) return system_failure("look at " + path.string());
  if (facts.st_size == 0 && used) return lost("empty");
  if (facts.st_size == 0 && access == Access::read_write) {
    DatabaseHeader fresh;
    fresh.signature = signature;
    if (auto made = file->store(fresh); !made) return std::unexpected(made.error());
    if (auto synced = sync_path(path.parent_path()); !synced) return std::unexpected(synced.error());
    return file;
  }
  if (auto done = file->read(); !done) return std::unexpected(done.error());
  return file;
}

Result<HeaderFile> HeaderFile::open_lost(const std::filesystem::path& path, Access access) {
  auto file = open_file(path, access);
  if (!file) return file;
  if (auto replaced = file->replace_lost(); !replaced) return std::unexpected(replaced.error());
  return file;
}

Result<void> HeaderFile::replace_lost() {
  header_ = {};
  header_.state = DatabaseHeader::State::dirty;
  header_.signature = random_signature();
  acknowledged_ = 0;
  const auto logs = log_files(path_.parent_path() / "db");
  if (!logs) return std::unexpected(logs.error());
  for (const auto& [number, path] : *logs) header_.logs.push_back({number});
  return {};
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
    if (!copy) {
      damage_ = path_.string() + ": the copy at offset " + std::to_string(place * kCopySize) +
                " is damaged; the other counts";
    }
    if (!copy || (found && copy->count < count_)) continue;
    found = true;
    header_ = std::move(copy->header);
    count_ = copy->count;
  }
  if (found) {
    std::string mark(kMarkSize, '\0');
    const auto got = ::pread(fd_, mark.data(), mark.size(), static_cast<off_t>(2 * kCopySize));
    mark.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    acknowledged_ = decode_mark(mark, header_.signature);
    return {};
  }
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
  // The other copy, for when this one rots. It needs no sync: it is never the only good one.
  (void)::pwrite(fd_, copy->data(), copy->size(), static_cast<off_t>(count_ % 2 == 0 ? kCopySize : 0));
  damage_.clear();
  return {};
}

void HeaderFile::note_acknowledged(std::uint64_t sequence) {
  const auto mark = encode_mark(header_.signature, sequence);
  if (::pwrite(fd_, mark.data(), mark.size(), static_cast<off_t>(2 * kCopySize)) ==
      static_cast<ssize_t>(mark.size()))
    acknowledged_ = sequence;
}

}  // namespace hikyaku::io
