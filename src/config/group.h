#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "config/main_cf.h"
#include "config/validate.h"

// The elements of lists that have parts of their own: "{ inet:host:port, name=value, { name = a value } }".
namespace hikyaku::config {

/// Without `octets` at its ends: white space and commas.
std::string_view trimmed(std::string_view text, std::string_view octets = kListSeparators);
bool braced(std::string_view text);
/// What stands between the braces of `group`, which is braced().
Value inside(const Value& group);
/// An element that is "name=value", "{name}=value" or "{ name = a value }", as Postfix reads it: white space
/// around name and value does not count, commas do. The name has no white space in it; it keeps its own
/// braces if it has some. nullopt: it is none of these.
std::optional<std::pair<std::string, std::string>> attribute_of(std::string_view text);

}  // namespace hikyaku::config
