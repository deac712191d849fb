#pragma once
#include "cmd/command_line.h"
#include "cmd/milters_source.h"

namespace hikyaku::cmd {

/// `hikyaku milters check`.
class MiltersCheck {
 public:
  explicit MiltersCheck(CommandLine& app);
  bool called() const { return app_.called(); }
  int run();

 private:
  CommandLine& app_;
  MiltersSource source_;
  bool connect_ = false, as_json_ = false;
};

}  // namespace hikyaku::cmd
