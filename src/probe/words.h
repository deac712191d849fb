#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace hikyaku::probe {

std::string upper(std::string_view text);
bool same_word(std::string_view one, std::string_view other);  ///< upper and lower case of ASCII are one

/// A word of a command line and where it begins.
struct Word {
  std::string_view text;
  std::size_t at = 0;
};
/// The first word at or behind `from`, separated by blanks; a word that begins with a quote goes on to the
/// next quote that has no backslash before it, and has its quotes. Empty, at the end of `line`, where there
/// is none.
Word word_at(std::string_view line, std::size_t from);
inline std::size_t behind(const Word& word) { return word.at + word.text.size(); }
/// Without its quotes, if it has any, and the backslashes within.
std::string unquoted(std::string_view text);

/// The size that "{12}" or "{12+}" at the end of a line announces (RFC 9051 s. 4.3, RFC 7888).
struct Literal {
  std::size_t size = 0;
  bool waits = false;  ///< for the other side's leave: there is no +
};
std::optional<Literal> literal_at_end(std::string_view line);

}  // namespace hikyaku::probe
