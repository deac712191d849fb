#pragma once
#include <span>
#include <string>

#include "cmd/command_description.h"

namespace hikyaku::cmd {

/// Scripts that complete `hikyaku` and these commands of it, whose names are their own words: subcommands,
/// options, values of which there is a choice; else the names of files. They need nothing but the shell, and
/// do not run hikyaku.
std::string bash_completion(std::span<const CommandDescription> commands);
std::string zsh_completion(std::span<const CommandDescription> commands);

}  // namespace hikyaku::cmd
