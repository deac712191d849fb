#pragma once
#include <cstddef>
#include <string>

namespace hikyaku::cmd {

class CommandLine;

struct DiffOptions {
  std::string before, after;  ///< folders
  std::string ledger;         ///< the folder of the hub whose mail is replayed; empty: `before`
  std::size_t last = 100;
  bool json = false;
};

/// Adds the subcommand `diff` with its options, which are put into `options`.
CommandLine& add_config_diff(CommandLine& config, DiffOptions& options);

/// Takes the last messages of a hub through both configurations and prints those that would fare otherwise.
/// 0: none would, 1: some would; else an exit code of sysexits.h.
int config_diff(const DiffOptions& options);

}  // namespace hikyaku::cmd
