#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace hikyaku::io {

/// A program that runs on beside us.
struct BackgroundCommand {
  std::vector<std::string> words;  ///< the program's path, absolute, and its arguments; no shell sees them
  std::string user;                ///< whom it runs as; empty: as ourselves
  std::string folder = "/";
  bool operator==(const BackgroundCommand&) const = default;
};

/// One that was started: who has it closes both descriptors and waits for the process.
struct BackgroundProcess {
  pid_t number;  ///< and that of its process group
  int process;   ///< of the process (pidfd): readable once it has ended
  int output;    ///< what it writes to stdout and stderr; does not block
};

/// Starts it in a process group of its own, with nothing on stdin, nothing of ours open and an environment of
/// PATH, HOME, USER and LOGNAME. It gets SIGTERM when the calling thread ends. Another user than our own can
/// be had by root alone. Returns when the program has begun. Fails with Fault::temporary.
Result<BackgroundProcess> start_in_background(const BackgroundCommand& command);

}  // namespace hikyaku::io
