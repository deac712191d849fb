#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "config/main_cf.h"

// The elements of lists that have parts of their own: "{ inet:host:port, name=value, { name = a value } }".
namespace hikyaku::config {

/// Without white space and commas at its ends.
std::string_view trimmed(std::string_view text);
bool braced(std::string_view text);
/// What stands between the braces of `group`, which is braced().
Value inside(const Value& group);
/// "name=value" and "{ name = a value }"; nullopt: it is neither.
std::optional<std::pair<std::string, std::string>> attribute_of(std::string_view text);

}  // namespace hikyaku::config
