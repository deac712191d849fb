#pragma once
#include <string>

#include "cmd/command_line.h"
#include "serve/running.h"

namespace hikyaku::cmd {

/// `hikyaku store import`: its options, and what it does.
class StoreImport {
 public:
  /// Lives as long as `store`.
  explicit StoreImport(CommandLine& store);
  bool called() const { return command_.called(); }
  /// Through the hub that runs, or into the database when none does. Gives the exit code.
  int run(const serve::Running& running, bool as_json) const;

 private:
  CommandLine& command_;
  std::string mailbox_, path_, format_;
  bool all_ = false, skip_duplicates_ = false;
};

}  // namespace hikyaku::cmd
