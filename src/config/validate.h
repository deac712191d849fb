#pragma once
#include <string_view>

#include "config/diagnostic.h"
#include "config/expand.h"
#include "config/parameters.h"

namespace hikyaku::config {

/// Whether `value`, the expanded value of `name`, is of its parameter's kind: a number, a duration, known
/// words, tables as type:name. What is wrong goes to `diagnostics`, at its place. `name` is `parameter`'s own
/// or that of a transport. Numbers and durations that are empty are faults; text, lists and maps may be
/// empty.
bool validate(std::string_view name, const Parameter& parameter, const SourceText& value,
              Diagnostics& diagnostics);

/// The end of the list element that begins at `begin`: the next comma or white space outside of {}.
std::size_t element_end(std::string_view text, std::size_t begin);
inline constexpr std::string_view kListSeparators = ", \t\r\n\v\f";

}  // namespace hikyaku::config
