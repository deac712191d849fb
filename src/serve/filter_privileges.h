#pragma once
#include "config/diagnostic.h"
#include "config/multiplexer_settings.h"

namespace hikyaku::serve {

/// Whether the filters' commands may be run as the users that they name by who we are now, or will be by
/// security.effective_user; what may not, or is set without effect, goes to `diagnostics` with its place.
/// Asks the system for users.
void check_privileges(const config::MultiplexerSettings& settings, config::Diagnostics& diagnostics);

}  // namespace hikyaku::serve
