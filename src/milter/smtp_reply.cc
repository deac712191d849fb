#include "milter/smtp_reply.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/escape.h"

namespace hikyaku::milter {
namespace {

constexpr std::size_t kLines = 32, kLineSize = 980;  // MAXREPLIES and MAXREPLYLEN of libmilter

bool digit(char c) { return c >= '0' && c <= '9'; }

/// "4.7.1" off the front of `text`, with the blank behind it; empty, and `text` as it was, if there is none.
std::string_view take_enhanced(std::string_view& text) {
  std::size_t at = 0;
  for (int part = 0; part < 3; ++part) {
    if (part > 0 && (at == text.size() || text[at++] != '.')) return {};
    const auto begin = at;
    while (at < text.size() && digit(text[at])) ++at;
    if (at == begin || at - begin > 3 || (part == 0 && at - begin != 1)) return {};
  }
  if (at < text.size() && text[at] != ' ') return {};
  const auto found = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return found;
}

void append_unformatted(std::string& out, std::string_view line) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '%' && ++i == line.size()) break;
    out += line[i];
  }
}

}  // namespace

Result<SmtpReply> SmtpReply::parse(std::string_view data) {
  const auto whole = data = data.substr(0, data.find('\0'));
  const auto malformed = [whole](std::string_view wrong) {
    return fail(Fault::malformed, "the reply '" + escaped(whole, 200) + "': " + std::string(wrong));
  };
  SmtpReply reply;
  bool more = true;
  for (std::size_t number = 0; more; ++number) {
    const auto end = data.find('\n');
    auto line = data.substr(0, end);
    data.remove_prefix(end == std::string_view::npos ? data.size() : end + 1);
    if (end != std::string_view::npos && line.ends_with('\r')) line.remove_suffix(1);
    if (number == kLines) return malformed("more than 32 lines");
    if (line.size() > kLineSize) return malformed("a line of more than 980 octets");
    if (line.size() < 3 || (line[0] != '4' && line[0] != '5') || !digit(line[1]) || !digit(line[2]))
      return malformed("each line must begin with 4xx or 5xx");
    const int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    if (number > 0 && code != reply.code) return malformed("its lines have different codes");
    reply.code = code;
    if (line.size() == 3 || (line[3] != ' ' && line[3] != '-'))
      return malformed("a blank or '-' must follow the code");
    more = !data.empty();
    const char first = line[0];
    line.remove_prefix(std::min<std::size_t>(4, line.size()));
    const auto enhanced = take_enhanced(line);
    if (!enhanced.empty() && enhanced[0] != first) return malformed("the enhanced code is of another class");
    if (number == 0) reply.enhanced = enhanced;
    if (number > 0) reply.text += '\n';
    append_unformatted(reply.text, line);
  }
  return reply;
}

std::string SmtpReply::data() const {
  std::string out;
  std::string_view rest = text;
  for (bool more = true; more;) {
    const auto end = rest.find('\n');
    more = end != std::string_view::npos;
    const auto code_text = std::to_string(code);
    out += code_text;
    out += more ? '-' : ' ';
    if (!enhanced.empty()) out += enhanced + ' ';
    for (const char c : rest.substr(0, end)) {
      if (c == '%') out += '%';
      out += c;
    }
    if (more) {
      out += "\r\n";
      rest.remove_prefix(end + 1);
    }
  }
  return out;
}

std::string SmtpReply::line() const {
  auto out = std::to_string(code);
  if (!enhanced.empty()) out += ' ' + enhanced;
  if (!text.empty()) out += ' ' + text;
  std::ranges::replace(out, '\n', ' ');
  return out;
}

}  // namespace hikyaku::milter
