#include "config/group.h"

#include "config/logical_lines.h"

namespace hikyaku::config {

std::string_view trimmed(std::string_view text, std::string_view octets) {
  const auto first = text.find_first_not_of(octets);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(octets) - first + 1);
}

bool braced(std::string_view text) { return text.size() >= 2 && text.front() == '{' && text.back() == '}'; }

Value inside(const Value& group) {
  return {group.text.substr(1, group.text.size() - 2), group.origin, group.column + 1};
}

namespace {

/// Where the brace is closed that `text` begins with; npos: nowhere.
std::size_t closing_brace(std::string_view text) {
  std::size_t depth = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '{') ++depth;
    if (text[at] == '}' && --depth == 0) return at;
  }
  return std::string_view::npos;
}

}  // namespace

std::optional<std::pair<std::string, std::string>> attribute_of(std::string_view text) {
  if (text.starts_with('{')) {
    const auto close = closing_brace(text);
    if (close == std::string_view::npos) return std::nullopt;
    const auto behind = text.substr(close + 1);
    // "{x}=y" is the one thing that goes on behind its first pair of braces.
    if (!behind.empty() && behind.front() != '=') return std::nullopt;
    if (behind.empty()) text = text.substr(1, close - 1);
  }
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  const auto name = trimmed(text.substr(0, equals), kWhiteSpace);
  if (name.empty() || name.find_first_of(kWhiteSpace) != std::string_view::npos) return std::nullopt;
  return std::pair(std::string(name), std::string(trimmed(text.substr(equals + 1), kWhiteSpace)));
}

}  // namespace hikyaku::config
