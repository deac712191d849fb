#pragma once
#include <string>

#include "cmd/command_line.h"
#include "serve/running.h"

namespace hikyaku::cmd {

/// `hikyaku store export`: its options, and what it does.
class StoreExport {
 public:
  /// Lives as long as `store`.
  explicit StoreExport(CommandLine& store);
  bool called() const { return command_.called(); }
  /// Reads the databases as they are now, also beside a running hub. Gives the exit code.
  int run(const serve::Running& running, bool as_json) const;

 private:
  CommandLine& command_;
  std::string mailbox_, output_, format_ = "mbox";
  std::size_t uid_ = 0;
  bool all_ = false, recursive_ = false;
};

}  // namespace hikyaku::cmd
