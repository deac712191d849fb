#pragma once
#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace hikyaku::io {

/// A shell command that mail is handed to.
struct ChildCommand {
  std::string text;  ///< for /bin/sh -c
  std::string user;  ///< whom it runs as when we are root, never root; of no effect when we are not
  std::vector<std::pair<std::string, std::string>> environment;  ///< all of it
  std::chrono::seconds time_limit{1000};
  const std::atomic<bool>* stop = nullptr;  ///< once true, the command is killed within a second
};

/// How it ended.
struct ChildEnd {
  int status = 0;          ///< its exit status, when it ended by itself
  int signal = 0;          ///< not 0: it was ended by this signal
  bool timed_out = false;  ///< it was killed because its time was over
  std::string output;      ///< what it wrote to stdout and stderr, the first 1000 octets
};

/// Gives the next piece of its input; empty: that was all. An Error ends the command.
using ChildInput = std::function<Result<std::string>()>;

/// Runs the command in the folder "/", in a process group of its own, with nothing of ours open, and hands it
/// its input; one that does not read all of it is no error. Fault::temporary: it could not be started, the
/// input failed, or `stop` came. Blocks until it has ended, at most time_limit.
Result<ChildEnd> run_child_command(const ChildCommand& command, const ChildInput& input);

}  // namespace hikyaku::io
