#pragma once
#include "base/result.h"

namespace hikyaku::io {

/// Gives up every capability of a process that is not root's, for good, as CAP_NET_BIND_SERVICE once all
/// ports are open: it counts for this thread, and for those that it makes from then on. true: there were
/// some. Root keeps all.
Result<bool> drop_capabilities();

}  // namespace hikyaku::io
