#pragma once
#include <sys/statvfs.h>

#include "serve/running.h"

namespace hikyaku::serve {

/// Whether the disk of the queue can take mail still (queue_minfree). A transient lack.
inline bool has_room(const Running& running) {
  struct statvfs disk {};
  if (::statvfs(running.queue_directory.c_str(), &disk) != 0) return true;  // the commit will tell
  return static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize >= running.needed_free;
}

}  // namespace hikyaku::serve
