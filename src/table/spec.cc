#include "table/spec.h"

#include <algorithm>

#include "base/escape.h"
#include "table/logical_lines.h"

namespace hikyaku::table {
namespace {

/// The octets from `text`'s first '{' up to its counterpart, both included; 0 when there is none.
std::size_t balanced(std::string_view text) {
  std::size_t depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '{') ++depth;
    if (text[i] == '}' && --depth == 0) return i + 1;
  }
  return 0;
}

bool is_separator(char c) { return c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string quoted(std::string_view text) { return "\"" + escaped(text, 200) + "\""; }

}  // namespace

Result<Spec> parse_spec(std::string_view text) {
  const auto colon = text.find(':');
  const auto type = text.substr(0, colon);
  const auto of_type = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  if (colon == std::string_view::npos || type.empty() || !std::all_of(type.begin(), type.end(), of_type)) {
    return fail(Fault::malformed, quoted(text) + " is no table; write type:name, such as hash:" +
                                      (text.starts_with('/') ? escaped(text, 200) : "/etc/postfix/name"));
  }
  if (colon + 1 == text.size()) return fail(Fault::malformed, quoted(text) + " names a type but no table");
  return Spec{type, text.substr(colon + 1)};
}

bool is_table_spec(std::string_view element) {
  return !element.starts_with('[') && element.find(':') != std::string_view::npos;
}

std::optional<std::string_view> braced(std::string_view text) {
  if (!text.starts_with('{') || balanced(text) != text.size()) return std::nullopt;
  return text.substr(1, text.size() - 2);
}

std::vector<std::string_view> split_list(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t i = 0; i < text.size();) {
    if (is_separator(text[i])) {
      ++i;
      continue;
    }
    const std::size_t begin = i;
    while (i < text.size() && !is_separator(text[i])) {
      const std::size_t group = text[i] == '{' ? balanced(text.substr(i)) : 0;
      i += std::max<std::size_t>(group, 1);
    }
    parts.push_back(text.substr(begin, i - begin));
  }
  return parts;
}

Result<NameValue> parse_name_value(std::string_view text) {
  std::string_view inner = text;
  if (text.starts_with('{')) {
    const auto stripped = braced(text);
    if (!stripped) return fail(Fault::malformed, "text follows the '}' of, or no '}' ends, " + quoted(text));
    inner = trim(*stripped);
  }
  const auto equals = inner.find('=');
  if (equals == std::string_view::npos) {
    return fail(Fault::malformed, "there is no '=' after the name in " + quoted(text));
  }
  const auto name = trim(inner.substr(0, equals));
  if (name.empty()) return fail(Fault::malformed, "there is no name before the '=' in " + quoted(text));
  if (std::any_of(name.begin(), name.end(), is_space)) {
    return fail(Fault::malformed, "there is no '=' after the first word in " + quoted(text));
  }
  return NameValue{name, trim(inner.substr(equals + 1))};
}

Result<std::string> inline_rules(std::string_view braces) {
  const auto body = braced(braces);
  if (!body) return fail(Fault::malformed, "no '}' ends, or text follows the '}' of, " + quoted(braces));
  std::string lines;
  for (const auto part : split_list(*body)) {
    const auto rule = braced(part);
    if (!rule) {
      return fail(Fault::malformed,
                  "each rule must stand in braces, { {rule 1}, {rule 2} }, but there is " + quoted(part));
    }
    lines += trim(*rule);
    lines += '\n';
  }
  if (lines.empty()) return fail(Fault::malformed, "there is no rule in " + quoted(braces));
  return lines;
}

}  // namespace hikyaku::table
