#include "config/group.h"

#include "config/validate.h"

namespace hikyaku::config {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kListSeparators);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kListSeparators) - first + 1);
}

bool braced(std::string_view text) { return text.size() >= 2 && text.front() == '{' && text.back() == '}'; }

Value inside(const Value& group) {
  return {group.text.substr(1, group.text.size() - 2), group.origin, group.column + 1};
}

namespace {

/// One pair of braces is around all of it: "{ {x} = a }", and not "{x}={y}".
bool braced_whole(std::string_view text) {
  if (!braced(text)) return false;
  std::size_t depth = 0;
  for (std::size_t at = 0; at + 1 < text.size(); ++at) {
    if (text[at] == '{') ++depth;
    if (text[at] == '}' && --depth == 0) return false;
  }
  return true;
}

}  // namespace

std::optional<std::pair<std::string, std::string>> attribute_of(std::string_view text) {
  if (braced_whole(text)) text = text.substr(1, text.size() - 2);
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  const auto name = trimmed(text.substr(0, equals));
  if (name.empty() || name.find_first_of(kListSeparators) != std::string_view::npos) return std::nullopt;
  return std::pair(std::string(name), std::string(trimmed(text.substr(equals + 1))));
}

}  // namespace hikyaku::config
