#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "table/ip.h"

namespace hikyaku::policy {

/// Does the IPv4 address match a filter such as "127.0.0.2", "127.0.0.[2..11]" or "127.0.[0;1].[2;4..6]"? A
/// malformed filter matches nothing. Pure.
bool matches_filter(std::string_view filter, std::string_view address);
bool is_filter(std::string_view filter);

/// Puts the values into a reply template: $name, ${name}, $(name), ${name?text}, ${name:text},
/// ${name?{text}:{text}},
/// $$ for $. `value` gives nothing for a name it does not know: then the result is nothing. Nested up to 20
/// deep.
std::optional<std::string> expand_template(
    std::string_view text, const std::function<std::optional<std::string>(std::string_view)>& value);

}  // namespace hikyaku::policy
