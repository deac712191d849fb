#pragma once
#include <memory>

#include "cmd/command_line.h"

namespace hikyaku::cmd {

/// `hikyaku milters test`: an MTA's end of a talk with a filter, for tests by hand.
class FilterTrial {
 public:
  explicit FilterTrial(CommandLine& app);
  ~FilterTrial();
  /// The exit code. After parse() only.
  int run();

 private:
  struct Options;
  std::unique_ptr<Options> options_;
};

}  // namespace hikyaku::cmd
