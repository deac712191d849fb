#include "cmd/mime_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "base/escape.h"
#include "cmd/progress.h"

namespace hikyaku::cmd {
namespace {

constexpr std::size_t kPiece = 64 * 1024;

/// A descriptor that is closed, unless it is stdin.
class Input {
 public:
  explicit Input(int descriptor) : descriptor_(descriptor) {}
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  ~Input() {
    if (descriptor_ > STDIN_FILENO) close(descriptor_);
  }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

std::unexpected<Error> failed(const std::string& path, const char* what) {
  const auto fault = errno == ENOENT ? Fault::not_found : Fault::permanent;
  return fail(fault, std::string(what) + " " + (path.empty() || path == "-" ? "stdin" : escaped(path)) +
                         ": " + std::strerror(errno));
}

}  // namespace

Result<void> read_in_pieces(const std::string& path, const std::function<bool(std::string_view)>& taken) {
  const bool standard = path.empty() || path == "-";
  const Input input(standard ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (input.get() < 0) return failed(path, "can't open");
  std::vector<char> buffer(kPiece);
  for (;;) {
    const auto size = read(input.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return failed(path, "can't read");
    if (size == 0) return {};
    if (!taken({buffer.data(), static_cast<std::size_t>(size)})) return {};
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
