#pragma once
#include "base/origin.h"
#include "config/diagnostic.h"
#include "config/main_cf.h"
#include "config/multiplexer_settings.h"

namespace hikyaku::config {

/// The multiplexer's settings out of main.cf (hikyaku_milters and hikyaku_milters_*, docs/milter-manager.md),
/// for who wants no Ruby. Faults go to `diagnostics`, with file, line and column; what is faulty is left out.
/// Do not run on the result when diagnostics.failed(). Pure but for the tables, which are opened.
MultiplexerSettings multiplexer_settings(const Main& main, Diagnostics& diagnostics,
                                         const Surroundings& surroundings = {});

}  // namespace hikyaku::config
