#pragma once
#include <cstdint>
#include <string_view>

#include "table/contents.h"
#include "table/maps.h"

namespace hikyaku::table {

/// Reads a regexp: table (regexp_table(5)): "/pattern/flags result", "!/pattern/flags result",
/// "/pattern1/!/pattern2/ result", "if /pattern/" ... "endif", nested. The first rule that matches answers.
/// Rules that can't be used are left out with Diagnostic::error: a pattern that does not compile, an unknown
/// flag, "$3" where there are two groups, "$1" after "!" or where `substitution` is refused. Warned of: rules
/// that are never reached because one before matches every key. A match that fails for want of memory or by a
/// limit is Fault::temporary. Pure; patterns of at most 100,000 octets.
Loaded load_regexp(std::string_view text, std::uint32_t file, Substitution substitution);

/// The same for pcre_table(5).
Loaded load_pcre(std::string_view text, std::uint32_t file, Substitution substitution);

}  // namespace hikyaku::table
