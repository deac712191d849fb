#include "cmd/send_sources.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/escape.h"

namespace hikyaku::cmd {
namespace {

constexpr std::size_t kMostOctets = std::size_t{256} << 20;
constexpr std::size_t kLongestLine = 4096;

Result<std::string> read_all(int descriptor, const std::string& what) {
  std::string content;
  std::array<char, 65536> room{};
  while (true) {
    const auto got = ::read(descriptor, room.data(), room.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Fault::permanent, "can't read " + what + ": " + std::strerror(errno));
    if (got == 0) return content;
    content.append(room.data(), static_cast<std::size_t>(got));
    if (content.size() > kMostOctets) return fail(Fault::permanent, what + " has more than 256 MiB");
  }
}

/// What is typed: one octet at a time, since what follows stays for whom it is meant.
Result<std::string> typed_line() {
  std::string line;
  char octet = 0;
  while (true) {
    const auto got = ::read(STDIN_FILENO, &octet, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Fault::permanent, std::string("can't read stdin: ") + std::strerror(errno));
    if (got == 0 && line.empty()) return fail(Fault::not_found, "stdin has come to its end");
    if (got == 0 || octet == '\n') break;
    line += octet;
    if (line.size() > kLongestLine) return fail(Fault::malformed, "a line of stdin is too long");
  }
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

/// Keeps what is typed from being shown, as long as it lives.
class Unseen {
 public:
  explicit Unseen(bool wanted) : changed_(wanted && ::tcgetattr(STDIN_FILENO, &before_) == 0) {
    auto silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent.c_lflag |= ECHONL;
    if (changed_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;
  ~Unseen() {
    if (changed_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }

 private:
  termios before_{};
  bool changed_;
};

}  // namespace

Result<std::string> TerminalSources::file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return fail(errno == ENOENT ? Fault::not_found : Fault::permanent,
                "can't open the file " + escaped(path) + ": " + std::strerror(errno));
  auto content = read_all(descriptor, escaped(path));
  ::close(descriptor);
  return content;
}

Result<std::string> TerminalSources::input() {
  if (!input_) {
    auto content = read_all(STDIN_FILENO, "stdin");
    if (!content) return content;
    input_ = *std::move(content);
  }
  return *input_;
}

Result<std::string> TerminalSources::ask(const std::string& prompt, bool hidden) {
  if (input_) return fail(Fault::not_found, "stdin was read already, and nobody can be asked");
  std::fputs(prompt.c_str(), stderr);
  const Unseen unseen(hidden);
  auto line = typed_line();
  if (!line || ::isatty(STDIN_FILENO) == 0) std::fputc('\n', stderr);
  return line;
}

}  // namespace hikyaku::cmd
