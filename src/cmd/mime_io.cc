#include "cmd/mime_io.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/escape.h"
#include "cmd/octet_stream.h"
#include "cmd/progress.h"

namespace hikyaku::cmd {
namespace {

constexpr std::size_t kPiece = 64 * 1024;

}  // namespace

Result<void> read_in_pieces(const std::string& path, const std::function<bool(std::string_view)>& taken) {
  auto source = OctetSource::open(path.empty() ? "-" : path);
  if (!source) return std::unexpected(source.error());
  if (source->is_file_of(STDOUT_FILENO))
    return fail(Fault::permanent, "the standard output is the file that is read: nothing is read from " +
                                      escaped(source->name()));
  source->never_map();
  for (;;) {
    const auto piece = source->read(kPiece);
    if (!piece) return fail(Fault::permanent, piece.error().text);
    if (piece->empty() || !taken(*piece)) return {};
  }
}

Result<void> read_with_progress(const std::string& path, const std::string& what,
                                const std::function<void(std::string_view)>& taken) {
  struct stat facts {};
  const bool known =
      !path.empty() && path != "-" && stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode);
  const auto all = known ? static_cast<std::uint64_t>(facts.st_size) : 0;
  ProgressLine progress(what);
  std::uint64_t done = 0;
  return read_in_pieces(path, [&](std::string_view piece) {
    taken(piece);
    done += piece.size();
    if (all > 0) progress(done, all);
    return true;
  });
}

Result<std::string> read_whole(const std::string& path, std::size_t limit) {
  std::string all;
  const auto read = read_in_pieces(path, [&](std::string_view piece) {
    all += piece;
    return all.size() <= limit;
  });
  if (!read) return std::unexpected(read.error());
  if (all.size() > limit)
    return fail(Fault::permanent, (path.empty() ? "stdin" : escaped(path)) + " is larger than " +
                                      std::to_string(limit) + " octets");
  return all;
}

void StandardOutput::write(std::string_view octets) {
  if (buffer_.size() + octets.size() > kPiece) flush();
  if (octets.size() >= kPiece) return put(octets);
  buffer_ += octets;
}

bool StandardOutput::flush() {
  put(buffer_);
  buffer_.clear();
  return !failed_;
}

void StandardOutput::put(std::string_view octets) {
  while (!octets.empty() && !failed_) {
    const auto size = ::write(STDOUT_FILENO, octets.data(), octets.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) {
      failed_ = true;
      std::fprintf(stderr, "hikyaku mime: can't write to stdout: %s\n", std::strerror(errno));
      return;
    }
    octets.remove_prefix(static_cast<std::size_t>(size));
  }
}

}  // namespace hikyaku::cmd
