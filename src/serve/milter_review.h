#pragma once
#include "config/diagnostic.h"
#include "serve/running.h"

namespace hikyaku::serve {

/// Connects to each milter of the configuration, and negotiates: one that can't be reached, or is none, is
/// told as a warning with the place of its setting, for it may be started later. Blocks, at most 5 s for a
/// milter.
void review_milters(const Running& running, config::Diagnostics& diagnostics);

}  // namespace hikyaku::serve
