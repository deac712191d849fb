#pragma once
#include <cstdint>
#include <string_view>

#include "config/diagnostic.h"
#include "greylist/configuration.h"

namespace hikyaku::config {

/// Reads a greylist.conf, milter-greylist 4.6's whole grammar. `file` is its number in the SourceCatalogue;
/// its lines are kept in `diagnostics`, which says of each mistake where it stands. It goes on after each;
/// what could be read is given also where diagnostics.failed(), and is then not to be used.
///
/// More is taken than milter-greylist takes: a prefix after an address that follows on `domain` or `rcpt` in
/// one rule, numbers of seconds without "s", clauses after values, braces without blanks around them. Less
/// where it would do harm in silence: a rule without any clause, `not` before nothing, a list within a rule.
/// What is retired (p0f, spamd, drac) is warned of; a rule with such a clause is left out. Pure.
greylist::Configuration read_greylist_conf(std::string_view text, std::uint32_t file,
                                           Diagnostics& diagnostics);

}  // namespace hikyaku::config
