#include "table/replacement.h"

#include <algorithm>

#include "base/escape.h"

namespace hikyaku::table {
namespace {

constexpr unsigned kMostGroups = 999;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

/// The name after a '$' at `at`, which moves past it.
Result<std::string_view> take_name(std::string_view text, std::size_t& at) {
  const char open = at < text.size() ? text[at] : '\0';
  if (open != '{' && open != '(') {
    const auto* end = std::find_if_not(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), is_name);
    const auto name = text.substr(at, static_cast<std::size_t>(end - text.begin()) - at);
    at += name.size();
    return name;
  }
  const char close = open == '{' ? '}' : ')';
  unsigned depth = 0;
  for (std::size_t i = at; i < text.size(); ++i) {
    if (text[i] == open) ++depth;
    if (text[i] == close && --depth == 0) {
      const auto name = text.substr(at + 1, i - at - 1);
      at = i + 1;
      return name;
    }
  }
  return fail(Fault::malformed,
              std::string("a '") + close + "' is missing after '$" + open + "' in the result");
}

Result<unsigned> group_number(std::string_view name) {
  if (name.empty())
    return fail(Fault::malformed, "a '$' without a number in the result; write '$$' for a '$'");
  const std::string shown = "\"$" + escaped(name, 50) + "\" in the result";
  if (!std::all_of(name.begin(), name.end(), is_digit)) {
    return fail(Fault::malformed, shown + " is no number of a group; write ${1} where a letter follows");
  }
  unsigned number = 0;
  for (const char c : name) {
    number = std::min(kMostGroups + 1, number * 10 + static_cast<unsigned>(c - '0'));
  }
  if (number < 1 || number > kMostGroups) return fail(Fault::malformed, shown + ": groups count from 1");
  return number;
}

}  // namespace

Result<Replacement> Replacement::parse(std::string_view text) {
  Replacement made;
  Piece piece;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] != '$') {
      piece.literal += text[at++];
      continue;
    }
    ++at;
    if (at < text.size() && text[at] == '$') {
      piece.literal += '$';
      ++at;
      continue;
    }
    const auto name = take_name(text, at);
    if (!name) return std::unexpected(name.error());
    const auto number = group_number(*name);
    if (!number) return std::unexpected(number.error());
    piece.group = *number;
    made.groups_ = std::max(made.groups_, *number);
    made.pieces_.push_back(std::move(piece));
    piece = {};
  }
  if (!piece.literal.empty()) made.pieces_.push_back(std::move(piece));
  return made;
}

}  // namespace hikyaku::table
