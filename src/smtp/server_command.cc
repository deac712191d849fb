#include "smtp/server_command.h"

#include <algorithm>

namespace hikyaku::smtp {
namespace {

constexpr std::size_t kLongestVerb = 8;

/// A word of at most eight octets as one number, so that a command is found by one switch.
constexpr std::uint64_t key(std::string_view word) {
  std::uint64_t packed = 0;
  for (const char c : word) packed = packed << 8 | static_cast<unsigned char>(upper(c));
  return packed;
}

}  // namespace

bool same_word(std::string_view text, std::string_view name) {
  return std::ranges::equal(text, name, {}, upper);
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") + 1 - first);
}

std::string_view take_word(std::string_view& text) {
  text = trimmed(text);
  const auto word = text.substr(0, text.find_first_of(" \t"));
  text = trimmed(text.substr(word.size()));
  return word;
}

Verb verb(std::string_view word) {
  if (word.size() > kLongestVerb) return Verb::unknown;
  switch (key(word)) {
    case key("HELO"):
      return Verb::helo;
    case key("EHLO"):
      return Verb::ehlo;
    case key("LHLO"):
      return Verb::lhlo;
    case key("MAIL"):
      return Verb::mail;
    case key("RCPT"):
      return Verb::rcpt;
    case key("DATA"):
      return Verb::data;
    case key("BDAT"):
      return Verb::bdat;
    case key("RSET"):
      return Verb::rset;
    case key("NOOP"):
      return Verb::noop;
    case key("HELP"):
      return Verb::help;
    case key("QUIT"):
      return Verb::quit;
    case key("VRFY"):
      return Verb::vrfy;
    case key("EXPN"):
      return Verb::expn;
    case key("ETRN"):
      return Verb::etrn;
    case key("STARTTLS"):
      return Verb::starttls;
    case key("AUTH"):
      return Verb::auth;
    case key("XCLIENT"):
      return Verb::xclient;
    default:
      return Verb::unknown;
  }
}

}  // namespace hikyaku::smtp
