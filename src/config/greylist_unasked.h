#pragma once
#include "config/diagnostic.h"
#include "greylist/configuration.h"

namespace hikyaku::config {

/// Warns of what this version reads and does not do, of checks that nobody will answer (clauses with them do
/// not hold, negated or not), and of `dkim` clauses that never hold.
void warn_of_unasked_checks(const greylist::Configuration& configuration, Diagnostics& diagnostics);

}  // namespace hikyaku::config
