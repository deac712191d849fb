#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "smtp/server_session.h"

namespace hikyaku::smtp {

/// The commands that the server knows.
enum class Verb : unsigned char {
  unknown,
  helo,
  ehlo,
  lhlo,
  mail,
  rcpt,
  data,
  bdat,
  rset,
  noop,
  help,
  quit,
  vrfy,
  expn,
  etrn,
  starttls,
  auth,
  xclient,
};

/// `c` in upper case, ASCII only.
constexpr char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }
/// `name` is in upper case.
bool same_word(std::string_view text, std::string_view name);
/// Takes the blanks off both ends.
std::string_view trimmed(std::string_view text);
/// Takes the next word, and the blanks around it, off the front of `text`. Empty at the end.
std::string_view take_word(std::string_view& text);
/// The command that `word` names, in any case.
Verb verb(std::string_view word);

/// A command line. Points into the input.
struct ServerSession::Command {
  Verb verb;
  std::string_view word;
  std::string_view arguments;  ///< without blanks at the ends
};

}  // namespace hikyaku::smtp
