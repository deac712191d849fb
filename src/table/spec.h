#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hikyaku::table {

/// "hash:/etc/postfix/canonical" taken apart.
struct Spec {
  std::string_view type;  ///< "hash"
  std::string_view name;  ///< "/etc/postfix/canonical", or "{...}"
};

/// Splits at the first ':'. Fails with Fault::malformed, naming the text, when the type is not [a-z0-9_]+ or
/// the name is empty. The views point into `text`. Pure.
Result<Spec> parse_spec(std::string_view text);

/// True when `element` of a match list names a table ("type:name") and is no "[address]".
bool is_table_spec(std::string_view element);

/// The text between "{" and its "}" when these are the first and the last character; nullopt otherwise.
std::optional<std::string_view> braced(std::string_view text);

/// Splits at white space and commas, but not within braces, which stay: "a, {b c}" gives "a" and "{b c}". A
/// brace without its counterpart is an ordinary character.
std::vector<std::string_view> split_list(std::string_view text);

struct NameValue {
  std::string_view name, value;
};
/// Reads "name = value" or "{ name = value }". The value may be empty. Fails with Fault::malformed.
Result<NameValue> parse_name_value(std::string_view text);

/// What Postfix makes of the lines of an inline pattern table, regexp:{ {rule 1}, {rule 2} }: one rule a
/// line. Fails with Fault::malformed.
Result<std::string> inline_rules(std::string_view braces);

}  // namespace hikyaku::table
