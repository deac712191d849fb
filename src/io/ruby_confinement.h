#pragma once
#include "base/result.h"

namespace hikyaku::io {

/// Takes from this process, which fork() has just made and which has one thread, all that an interpreter has
/// no use for: descriptors but `keep` (0 to 2 become /dev/null), handlers and masks of signals, and, in the
/// second step, every system call but those for memory, its timer, reading and writing, and its own end. Any
/// other then fails with EPERM. Fails with Fault::temporary.
Result<void> keep_only(int descriptor);
Result<void> give_up_system_calls();

}  // namespace hikyaku::io
