#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"

namespace hikyaku::io {

struct ConfinementWish {
  std::vector<std::string> writable;  ///< folders below which, and files in which, may be written
  bool runs_programs = false;
};

/// What a process can't do any more.
struct Confinement {
  int landlock = 0;                   ///< the version of the kernel's Landlock that is in force; 0: none
  std::vector<std::string> writable;  ///< with Landlock: all that may be written to
  bool runs_programs = false;
  std::size_t refused_calls = 0;     ///< system calls that seccomp refuses with EPERM; 0: none
  std::vector<std::string> remarks;  ///< what could not be had, and folders that are not there

  /// "writes below /a and /b alone (Landlock 7); runs no program; 40 system calls are refused (seccomp)"
  std::string text() const;
};

/// What the kernel has of it: the version of Landlock (0: none), and whether it has seccomp. Changes nothing.
Confinement possible_confinement();

/// Confines this thread, and those that it makes from then on, for good: all that is written, made, renamed
/// or removed must be below one of the folders (landlock(7)); without `runs_programs` nothing is executed; no
/// system call is made that debugs others, mounts, loads code into the kernel, or changes the clock. Reading
/// stays as the file system has it. Sets no_new_privs. What the kernel has not is in `remarks`; an error
/// means that it is there and failed.
Result<Confinement> confine(const ConfinementWish& wish);

}  // namespace hikyaku::io
