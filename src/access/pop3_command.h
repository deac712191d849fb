#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace hikyaku::access {

/// The commands that the server knows. APOP is not among them: it would need passwords kept in the clear.
enum class Pop3Verb : unsigned char {
  unknown,
  user,
  pass,
  auth,
  stls,
  capa,
  stat,
  list,
  retr,
  dele,
  noop,
  rset,
  top,
  uidl,
  quit,
  http,  ///< no command: a request of HTTP begins so
};

/// A command line (RFC 1939 s. 3). Points into the line.
struct Pop3Command {
  Pop3Verb verb = Pop3Verb::unknown;
  std::string_view arguments;  ///< all behind the blank that ends the keyword, as it was sent

  /// `line` is without its CRLF. The keyword is taken in any case.
  static Pop3Command parse(std::string_view line);
};

/// Takes the next word, and the blanks around it, off the front of `text`. Empty at the end.
std::string_view take_word(std::string_view& text);

/// A message number or a number of lines: decimal digits alone. Nothing when it is none, or more than 64 bits
/// hold.
std::optional<std::uint64_t> parse_number(std::string_view text);

}  // namespace hikyaku::access
