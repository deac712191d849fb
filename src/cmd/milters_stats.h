#pragma once
#include <string>

#include "cmd/command_line.h"
#include "cmd/milters_source.h"

namespace hikyaku::cmd {

/// `hikyaku milters stats`.
class MiltersStats {
 public:
  explicit MiltersStats(CommandLine& app);
  bool called() const { return app_.called(); }
  int run();

 private:
  CommandLine& app_;
  MiltersSource source_;
  std::string control_;
  bool as_json_ = false;
};

}  // namespace hikyaku::cmd
