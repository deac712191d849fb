#include "io/backed_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <optional>

#include "base/crc32c.h"
#include "io/file_blob.h"
#include "io/mapped_file.h"

namespace hikyaku::io {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPiece = std::size_t{1} << 20;

std::string hex(std::uint32_t sum) {
  char text[16];
  std::snprintf(text, sizeof text, "%08x", sum);
  return text;
}

template <class Number>
std::optional<Number> take_number(std::string_view& line, int base) {
  Number number{};
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number, base);
  if (error != std::errc() || end == line.data() + line.size() || *end != ' ') return std::nullopt;
  line.remove_prefix(static_cast<std::size_t>(end - line.data()) + 1);
  return number;
}

/// Reads a body in pieces; gives what it is.
Result<BackedFile> read_through(const Blob& blob, const std::string& name,
                                const std::function<Result<void>(std::string_view)>& piece) {
  BackedFile body;
  for (;;) {
    const auto octets = blob.get(name, body.octets, kPiece);
    if (!octets) return std::unexpected(octets.error());
    if (octets->empty()) return body;
    body.octets += octets->size();
    body.checksum = crc32c(*octets, body.checksum);
    if (auto taken = piece(*octets); !taken) return std::unexpected(taken.error());
  }
}

/// What is read next comes from the disk.
void forget_cached(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  (void)::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  ::close(fd);
}

std::unexpected<Error> differs(const fs::path& path, const BackedFile& found, const BackedFile& wanted) {
  return fail(Fault::corrupt, path.string() + ": " + std::to_string(found.octets) + " octets, checksum " +
                                  hex(found.checksum) + "; " + std::to_string(wanted.octets) +
                                  " octets, checksum " + hex(wanted.checksum) + " were written");
}

Result<BackedFile> copy_body(const Blob& from, const std::string& name, Blob& to,
                             const std::function<void(std::uint64_t)>& done) {
  auto writer = to.put(name);
  if (!writer) return std::unexpected(writer.error());
  auto body = read_through(from, name, [&](std::string_view octets) {
    if (done) done(octets.size());
    return (*writer)->write(octets);
  });
  if (!body) return body;
  if (auto finished = (*writer)->finish(); !finished) return std::unexpected(finished.error());
  return body;
}

}  // namespace

std::string encode_file_list(const FileList& list) {
  std::string text;
  for (const auto& [name, body] : list)
    text += hex(body.checksum) + ' ' + std::to_string(body.octets) + ' ' + name + '\n';
  return text + hex(crc32c(text)) + " end\n";
}

Result<FileList> decode_file_list(std::string_view text) {
  const auto bad = [](std::size_t line) {
    return fail(Fault::corrupt, "line " + std::to_string(line) + " of the list of files is damaged");
  };
  FileList list;
  const auto all = text;
  for (std::size_t number = 1;; ++number) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return bad(number);
    const auto before = all.substr(0, all.size() - text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(end + 1);
    const auto sum = take_number<std::uint32_t>(line, 16);
    if (!sum) return bad(number);
    if (line == "end") {
      if (*sum != crc32c(before) || !text.empty()) return bad(number);
      return list;
    }
    const auto octets = take_number<std::uint64_t>(line, 10);
    if (!octets || line.empty()) return bad(number);
    list.insert_or_assign(std::string(line), BackedFile{*octets, *sum});
  }
}

Result<BackedFile> examine_file(const fs::path& path, const OctetsDone& done) {
  forget_cached(path);
  const auto mapped = MappedFile::open(path);
  if (!mapped) return std::unexpected(mapped.error());
  auto rest = mapped->contents();
  BackedFile file{rest.size(), 0};
  while (!rest.empty()) {
    const auto piece = rest.substr(0, kPiece);
    file.checksum = crc32c(piece, file.checksum);
    rest.remove_prefix(piece.size());
    if (done) done(piece.size());
  }
  return file;
}

Result<void> verify_file(const fs::path& path, const BackedFile& wanted, const OctetsDone& done) {
  const auto found = examine_file(path, done);
  if (!found) return std::unexpected(found.error());
  if (*found != wanted) return differs(path, *found, wanted);
  return {};
}

Result<void> verify_body(const fs::path& folder, const std::string& name, const BackedFile& wanted,
                         const OctetsDone& done) {
  const auto blob = FileBlob::open_read_only(folder);
  if (!blob) return std::unexpected(blob.error());
  forget_cached(folder / name);
  const auto read = (*blob)->examine(name, done);
  if (!read) return std::unexpected(read.error());
  const BackedFile found{read->octets, read->checksum};
  if (found != wanted) return differs(folder / name, found, wanted);
  return {};
}

Result<FileList> copy_bodies(const Blob& from, const fs::path& folder, const FileList& known,
                             const OctetsDone& done) {
  const auto names = from.names();
  if (!names) return std::unexpected(names.error());
  auto to = FileBlob::open(folder);
  if (!to) return std::unexpected(to.error());
  FileList list;
  for (const auto& name : *names) {
    // A name is given once, and what it names never changes.
    if (const auto same = known.find(name); same != known.end()) {
      list.insert(*same);
      continue;
    }
    // Perhaps left by a backup that was cut short.
    if (auto removed = (*to)->remove(name); !removed) return std::unexpected(removed.error());
    const auto body = copy_body(from, name, **to, done);
    if (!body) return std::unexpected(body.error());
    if (auto verified = verify_body(folder, name, *body, {}); !verified)
      return std::unexpected(verified.error());
    list.insert_or_assign(name, *body);
  }
  return list;
}

Result<void> restore_body(const fs::path& folder, const std::string& name, const BackedFile& wanted, Blob& to,
                          const OctetsDone& done) {
  const auto blob = FileBlob::open_read_only(folder);
  if (!blob) return std::unexpected(blob.error());
  const auto copied = copy_body(**blob, name, to, done);
  if (!copied) return std::unexpected(copied.error());
  if (*copied != wanted) return differs(folder / name, *copied, wanted);
  return {};
}

}  // namespace hikyaku::io
