#pragma once
#include "config/diagnostic.h"
#include "greylist/configuration.h"

namespace hikyaku::config {

/// Warns of what this version reads and does not do yet: checks by URL and LDAP, updates of the DNS. Clauses
/// with a check that nobody answers do not hold, negated or not. Warns of `dkim` clauses too that never hold.
void warn_of_unasked_checks(const greylist::Configuration& configuration, Diagnostics& diagnostics);

}  // namespace hikyaku::config
