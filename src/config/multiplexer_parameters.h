#pragma once
#include "base/origin.h"
#include "config/diagnostic.h"
#include "config/main_cf.h"
#include "config/multiplexer_settings.h"

namespace hikyaku::config {

/// The multiplexer's settings out of main.cf (hikyaku_milters and hikyaku_milters_*, docs/milter-manager.md),
/// for who wants no Ruby. Faults go to `diagnostics`, with file, line and column; what is faulty is left out.
/// `stress`: sessions from which on it is stress where main.cf does not say. Do not run on the result when
/// diagnostics.failed(). Pure.
MultiplexerSettings multiplexer_settings(const Main& main, Diagnostics& diagnostics,
                                         const Setting<std::size_t>& stress = {});

}  // namespace hikyaku::config
