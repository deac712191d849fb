#pragma once
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cmd/command_description.h"

namespace hikyaku::cmd {

/// A command of hikyaku, or a program that it is under another name.
struct Command {
  std::string_view name;
  int (*run)(int argc, char** argv);  ///< argv[0] is its name; gives an exit code of sysexits.h
  std::string_view summary;
  int section = 1;  ///< of its manual page: 8 for what runs as a service
  /// Words that may stand first behind its name, and have a --help of their own that the command's does not
  /// tell of; with blanks between. Its subcommands need not be named.
  std::string_view parts = {};
};

struct ProgramTable {
  std::string_view version;
  std::span<const Command> commands;  ///< of hikyaku
  std::span<const Command> programs;  ///< by their own name
};

/// What a command tells of itself: asked by running its --help in a child process, without stdin; and the
/// --help of its parts, and of subcommands that read their options themselves. `typed` is what stands before
/// its name: "hikyaku ". Fails with Fault::corrupt when it does not answer.
Result<CommandDescription> describe(const Command& command, std::string_view typed);

/// `hikyaku completion bash|zsh`: what a shell completes.
int completion_command(int argc, char** argv, const ProgramTable& table);
/// `hikyaku manual [COMMAND]`: a manual page in roff.
int manual_command(int argc, char** argv, const ProgramTable& table);

}  // namespace hikyaku::cmd
