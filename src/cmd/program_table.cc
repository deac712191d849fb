#include "cmd/program_table.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>

namespace hikyaku::cmd {
namespace {

constexpr std::size_t kLongest = std::size_t{4} << 20;  // no help is as long

/// The child: its end of the pipe is its stdout.
[[noreturn]] void tell_help(const Command& command, int pipe) {
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(pipe, STDOUT_FILENO);
  ::dup2(nothing, STDERR_FILENO);
  ::setenv(kHelpFormat, std::string(kHelpInJson).c_str(), 1);
  std::string name(command.name), help("--help");
  std::array<char*, 3> words{name.data(), help.data(), nullptr};
  const int code = command.run(2, words.data());
  std::cout.flush();
  std::fflush(stdout);
  ::_exit(code);
}

std::string read_all(int fd) {
  std::string text;
  std::array<char, 65536> buffer;
  while (text.size() < kLongest) {
    const auto count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return text;
}

}  // namespace

Result<CommandDescription> describe(const Command& command, std::string_view typed) {
  const auto failed = [&](const std::string& why) {
    return fail(Fault::corrupt, "can't learn the options of " + std::string(command.name) + ": " + why);
  };
  std::array<int, 2> ends;
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed(std::strerror(errno));
  std::fflush(stdout);
  const auto child = ::fork();
  if (child == 0) tell_help(command, ends[1]);
  ::close(ends[1]);
  const auto text = child > 0 ? read_all(ends[0]) : std::string();
  ::close(ends[0]);
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return failed(std::strerror(errno));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || text.empty())
    return failed("its --help does not answer");
  CommandDescription described;
  if (text.starts_with('{')) {
    auto parsed = from_json(text);
    if (!parsed) return parsed;
    described = std::move(*parsed);
  } else {
    described.help = text;
  }
  described.name = std::string(typed) + std::string(command.name);
  described.summary = command.summary;
  return described;
}

}  // namespace hikyaku::cmd
