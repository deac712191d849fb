#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace hikyaku::io {

/// Whom a program runs as.
struct Identity {
  uid_t user = 0;
  gid_t group = 0;
  std::vector<gid_t> groups = {};  ///< all others
  std::string name = {}, home = {};
};
/// Of a user of the system, with all groups. Fails with Fault::not_found, or Fault::temporary where the
/// system can't say.
Result<Identity> identity_of_user(const std::string& name);

/// What stands between a fork and the program. All of it is made before the fork: behind it nothing may
/// allocate.
struct ProgramEntry {
  const char* path;
  const char* const* arguments;        ///< ends in nullptr
  const char* const* environment;      ///< all of it; ends in nullptr
  const Identity* identity = nullptr;  ///< nullptr: ours
  const char* folder = "/";
  int input, output;           ///< become 0, and 1 and 2; nothing else of ours is open
  int report = -1;             ///< a failure's errno is written there, closed by the program's start
  int signal_when_we_end = 0;  ///< that it gets when the thread that forked ends; 0: none
};
/// In the forked process: becomes the program, in a process group of its own, no signal blocked. Ends with
/// the status kNotEntered where that fails.
[[noreturn]] void enter_program(const ProgramEntry& entry);
constexpr int kNotEntered = 127;

}  // namespace hikyaku::io
