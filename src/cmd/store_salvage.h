#pragma once
#include <string>
#include <vector>

#include "cmd/command_line.h"
#include "serve/running.h"

namespace hikyaku::cmd {

/// `hikyaku store salvage`: its options, and what it does.
class StoreSalvage {
 public:
  /// Lives as long as `store`.
  explicit StoreSalvage(CommandLine& store);
  bool called() const { return command_.called(); }
  /// In the hub that runs, or in the database when none does. EX_DATAERR when something was left out.
  int run(const serve::Running& running, bool as_json) const;

 private:
  CommandLine& command_;
  std::string database_;
  std::vector<std::string> from_;
  bool dry_run_ = false;
};

}  // namespace hikyaku::cmd
