#include "access/pop3_command.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace hikyaku::access {
namespace {

constexpr std::pair<std::string_view, Pop3Verb> kVerbs[] = {
    {"USER", Pop3Verb::user},    {"PASS", Pop3Verb::pass}, {"AUTH", Pop3Verb::auth}, {"STLS", Pop3Verb::stls},
    {"CAPA", Pop3Verb::capa},    {"STAT", Pop3Verb::stat}, {"LIST", Pop3Verb::list}, {"RETR", Pop3Verb::retr},
    {"DELE", Pop3Verb::dele},    {"NOOP", Pop3Verb::noop}, {"RSET", Pop3Verb::rset}, {"TOP", Pop3Verb::top},
    {"UIDL", Pop3Verb::uidl},    {"QUIT", Pop3Verb::quit}, {"GET", Pop3Verb::http},  {"POST", Pop3Verb::http},
    {"CONNECT", Pop3Verb::http},
};

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

std::string_view without_leading_blanks(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(' '), text.size()));
}

}  // namespace

Pop3Command Pop3Command::parse(std::string_view line) {
  const auto word = line.substr(0, line.find(' '));
  const auto* const found = std::ranges::find_if(
      kVerbs, [word](const auto& known) { return std::ranges::equal(word, known.first, {}, upper); });
  Pop3Command command;
  if (found != std::end(kVerbs)) command.verb = found->second;
  command.arguments = line.substr(std::min(word.size() + 1, line.size()));
  return command;
}

std::string_view take_word(std::string_view& text) {
  text = without_leading_blanks(text);
  const auto word = text.substr(0, text.find(' '));
  text = without_leading_blanks(text.substr(word.size()));
  return word;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace hikyaku::access
