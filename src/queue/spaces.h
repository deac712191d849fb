#pragma once
#include "base/kv.h"

namespace hikyaku::queue {

/// In the order of spaces().
enum Space : Kv::Space { kEntry, kBody, kDue, kLedger, kSources, kMeta, kArrival };

}  // namespace hikyaku::queue
