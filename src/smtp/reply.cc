#include "smtp/reply.h"

#include <algorithm>
#include <utility>

namespace hikyaku::smtp {
namespace {

constexpr std::size_t kMostLine = 512;       // octets with CRLF, RFC 5321 s. 4.5.3.1.5
constexpr std::size_t kMostReadLine = 2048;  // what we bear of others
constexpr std::size_t kMostReadLines = 500;
constexpr std::size_t kMostReadOctets = 65536;
constexpr std::size_t kMostEnhancedDigits = 3;  // RFC 3463 s. 2

bool digit(char c) { return c >= '0' && c <= '9'; }

/// One to three digits off the front of `text`; false when there are none, or more.
bool take_number(std::string_view& text, std::uint16_t& number) {
  std::size_t digits = 0;
  unsigned value = 0;
  while (digits < text.size() && digit(text[digits])) {
    if (++digits > kMostEnhancedDigits) return false;
    value = value * 10 + static_cast<unsigned>(text[digits - 1] - '0');
  }
  text.remove_prefix(digits);
  number = static_cast<std::uint16_t>(value);
  return digits > 0;
}

bool take_dot(std::string_view& text) {
  if (text.empty() || text.front() != '.') return false;
  text.remove_prefix(1);
  return true;
}

/// Three digits, 200..599; 0 for anything else.
int reply_code(std::string_view text) {
  if (text.size() < 3 || !digit(text[0]) || !digit(text[1]) || !digit(text[2])) return 0;
  const int code = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
  return code >= 200 && code < 600 ? code : 0;
}

void put_number(std::string& out, unsigned number) {
  char digits[8];
  std::size_t count = 0;
  do {
    digits[count++] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number > 0 && count < sizeof digits);
  while (count > 0) out += digits[--count];
}

void put_enhanced(std::string& out, const EnhancedCode& code) {
  put_number(out, code.status);
  out += '.';
  put_number(out, code.subject);
  out += '.';
  put_number(out, code.detail);
}

bool class_fits(int code, const EnhancedCode& enhanced) { return enhanced.status == code / 100; }

}  // namespace

std::string EnhancedCode::text() const {
  std::string out;
  if (!none()) put_enhanced(out, *this);
  return out;
}

EnhancedCode EnhancedCode::take(std::string_view& text) {
  EnhancedCode code;
  std::string_view left = text;
  if (left.empty() || (left.front() != '2' && left.front() != '4' && left.front() != '5')) return {};
  code.status = static_cast<std::uint16_t>(left.front() - '0');
  left.remove_prefix(1);
  if (!take_dot(left) || !take_number(left, code.subject)) return {};
  if (!take_dot(left) || !take_number(left, code.detail)) return {};
  if (!left.empty() && left.front() != ' ') return {};
  if (!left.empty()) left.remove_prefix(1);
  text = left;
  return code;
}

Result<Reply> Reply::parse(std::string_view line) {
  Reply reply;
  reply.code = reply_code(line);
  if (reply.code == 0) {
    return fail(Fault::malformed,
                "reply: does not begin with a code 200 to 599: " + std::string(line.substr(0, 40)));
  }
  line.remove_prefix(3);
  if (!line.empty() && line.front() != ' ') return fail(Fault::malformed, "reply: no blank behind the code");
  while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  auto rest = line;
  const auto enhanced = EnhancedCode::take(rest);
  if (class_fits(reply.code, enhanced)) {
    reply.enhanced = enhanced;
    line = rest;
  }
  reply.text = line;
  return reply;
}

void Reply::append_to(std::string& out, Octets octets) const {
  const bool coded = class_fits(code, enhanced);
  std::string_view left = text;
  for (bool last = false; !last;) {
    const auto end = left.find('\n');
    last = end == std::string_view::npos;
    const auto begin = out.size();
    put_number(out, static_cast<unsigned>(code));
    out += last ? ' ' : '-';
    if (coded) {
      put_enhanced(out, enhanced);
      out += ' ';
    }
    const auto room = kMostLine - 2 - (out.size() - begin);
    auto line = left.substr(0, last ? left.size() : end);
    if (line.size() > room) {
      // Cut between characters, not within one.
      auto cut = room;
      while (cut > 0 && (static_cast<unsigned char>(line[cut]) & 0xC0) == 0x80) --cut;
      line = line.substr(0, cut);
    }
    for (const char c : line) {
      const auto octet = static_cast<unsigned char>(c);
      out += octet < 32 || octet == 127 || (octet > 127 && octets == Octets::ascii) ? '?' : c;
    }
    out += "\r\n";
    if (!last) left.remove_prefix(end + 1);
  }
}

std::string Reply::line() const {
  std::string out;
  put_number(out, static_cast<unsigned>(code));
  if (!enhanced.none()) {
    out += ' ';
    put_enhanced(out, enhanced);
  }
  if (!text.empty()) {
    out += ' ';
    out += text;
  }
  std::ranges::replace(out, '\n', ' ');
  return out;
}

ReplyReader::State ReplyReader::add(std::string_view line) {
  const int code = reply_code(line);
  if (code == 0 || line.size() > kMostReadLine) return State::malformed;
  if (++lines_ > kMostReadLines || reply_.text.size() + line.size() > kMostReadOctets)
    return State::malformed;
  if (lines_ > 1 && code != reply_.code) return State::malformed;
  line.remove_prefix(3);
  const bool last = line.empty() || line.front() == ' ';
  if (!last && line.front() != '-') return State::malformed;
  if (!line.empty()) line.remove_prefix(1);
  auto rest = line;
  const auto enhanced = EnhancedCode::take(rest);
  if (class_fits(code, enhanced)) {
    reply_.enhanced = enhanced;
    line = rest;
  }
  if (lines_ > 1) reply_.text += '\n';
  reply_.code = code;
  reply_.text += line;
  return last ? State::complete : State::more;
}

Reply ReplyReader::take() {
  lines_ = 0;
  return std::exchange(reply_, {});
}

}  // namespace hikyaku::smtp
