#pragma once
#include <filesystem>
#include <string>

#include "cmd/command_line.h"

namespace hikyaku::cmd {

/// `hikyaku store export`: its options, and what it does with the database in `directory`.
class StoreExport {
 public:
  /// Lives as long as `store`.
  explicit StoreExport(CommandLine& store);
  bool called() const { return command_.called(); }
  /// Reads the database as it is now, also beside a running hub. Gives the exit code.
  int run(const std::filesystem::path& directory, bool as_json) const;

 private:
  CommandLine& command_;
  std::string mailbox_, output_, format_ = "mbox";
  std::size_t uid_ = 0;
  bool all_ = false, recursive_ = false;
};

}  // namespace hikyaku::cmd
