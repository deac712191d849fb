#pragma once
#include <string_view>

#include "base/origin.h"
#include "config/diagnostic.h"
#include "io/log.h"

namespace hikyaku::serve {

/// What was said of a configuration that was read anew, into the log of a running service, each with its
/// file, line and column. `part` names who says it, as in io::Log.
void log_diagnostics(io::Log& log, std::string_view part, const config::Diagnostics& diagnostics,
                     const SourceCatalogue& sources);

}  // namespace hikyaku::serve
