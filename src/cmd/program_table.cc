#include "cmd/program_table.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace hikyaku::cmd {
namespace {

constexpr std::size_t kLongest = std::size_t{4} << 20;  // no help is as long

/// The child: its end of the pipe is its stdout.
[[noreturn]] void tell_help(const Command& command, std::string part, int pipe) {
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(pipe, STDOUT_FILENO);
  ::dup2(nothing, STDERR_FILENO);
  ::setenv(kHelpFormat, std::string(kHelpInJson).c_str(), 1);
  std::string name(command.name), help("--help");
  std::vector<char*> words{name.data()};
  if (!part.empty()) words.push_back(part.data());
  words.push_back(help.data());
  const auto count = static_cast<int>(words.size());
  words.push_back(nullptr);
  const int code = command.run(count, words.data());
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

/// As it was printed: JSON, or text for people.
Result<std::string> help_of(const Command& command, const std::string& part) {
  const auto failed = [&](const std::string& why) {
    const auto name = std::string(command.name) + (part.empty() ? "" : " ") + part;
    return fail(Fault::corrupt, "can't learn the options of " + name + ": " + why);
  };
  std::array<int, 2> ends;
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed(std::strerror(errno));
  std::fflush(stdout);
  const auto child = ::fork();
  if (child == 0) tell_help(command, part, ends[1]);
  ::close(ends[1]);
  auto text = child > 0 ? read_all(ends[0]) : std::string();
  ::close(ends[0]);
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return failed(std::strerror(errno));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || text.empty())
    return failed("its --help does not answer");
  return text;
}

bool is_json(const std::string& help) { return help.starts_with('{'); }

Result<CommandDescription> read_help(std::string help) {
  if (is_json(help)) return from_json(help);
  CommandDescription described;
  described.help = std::move(help);
  return described;
}

/// --help, and nothing else: then its options may be read by other code.
bool tells_nothing(const CommandDescription& subcommand) {
  return subcommand.subcommands.empty() && subcommand.options.size() < 2;
}

}  // namespace

Result<CommandDescription> describe(const Command& command, std::string_view typed) {
  auto help = help_of(command, "");
  if (!help) return std::unexpected(help.error());
  auto described = read_help(*std::move(help));
  if (!described) return described;
  described->name = std::string(typed) + std::string(command.name);
  described->summary = command.summary;
  for (auto& subcommand : described->subcommands) {
    if (!tells_nothing(subcommand)) continue;
    auto own = help_of(command, subcommand.name);
    if (!own) return std::unexpected(own.error());
    if (is_json(*own)) continue;
    subcommand.help = *std::move(own);
    subcommand.options.clear();
  }
  for (auto parts = command.parts; !parts.empty();) {
    const std::string name(parts.substr(0, parts.find(' ')));
    parts.remove_prefix(std::min(parts.size(), name.size() + 1));
    auto own = help_of(command, name);
    if (!own) return std::unexpected(own.error());
    auto part = read_help(*std::move(own));
    if (!part) return part;
    part->name = name;
    described->subcommands.push_back(*std::move(part));
  }
  return described;
}

}  // namespace hikyaku::cmd
