#pragma once
#include "base/result.h"

namespace hikyaku::io {

enum class Dropped : unsigned char {
  nothing,  ///< there were none; or the process is root's, and keeps them
  all,
  at_exec,  ///< capset(2) may not be called, but the next program that is executed has none
};

/// Gives up every capability of a process that is not root's, for good, as CAP_NET_BIND_SERVICE once all
/// ports are open: it counts for this thread, and for those that it makes from then on.
Result<Dropped> drop_capabilities();

}  // namespace hikyaku::io
