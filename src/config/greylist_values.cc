#include "config/greylist_values.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

namespace hikyaku::config::greylist_values {
namespace {

constexpr std::size_t kLongestNumber = 20;    // octets, as milter-greylist
constexpr std::size_t kLongestAddress = 324;  // octets, as milter-greylist

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_number(char c) { return is_digit(c) || is_letter(c); }
bool is_signed_number(char c) { return is_number(c) || c == '-'; }
bool is_domain(char c) { return is_number(c) || c == '.' || c == '_' || c == '-'; }
bool is_ip(char c) { return is_number(c) || c == '.' || c == ':' || c == '%'; }
bool is_local(char c) {
  return is_number(c) || std::string_view("!#$%&'*+/=?^_`}{|~.-").find(c) != std::string_view::npos;
}
bool is_quoted_local(char c) { return c > ' ' && c < 0x7f && c != '@'; }
bool is_property(char c) { return is_number(c) || c == '_' || c == '-'; }
bool is_operator(char c) { return c == '=' || c == '!' || c == '<' || c == '>'; }

/// What the letter after a number multiplies it by; 0: it is none.
std::int64_t unit(char letter) {
  switch (letter) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3600;
    case 'd':
      return 86400;
    case 'w':
      return 7 * 86400;
    case 'k':
      return 1024;
    case 'M':
      return 1024 * 1024;
    default:
      return 0;
  }
}

/// Digits and perhaps a unit of those.
std::optional<std::int64_t> read_number(std::string_view text, std::string_view units) {
  std::int64_t value = 0, factor = 1;
  if (text.empty() || text.size() > kLongestNumber) return std::nullopt;
  if (!is_digit(text.back())) {
    if (units.find(text.back()) == std::string_view::npos) return std::nullopt;
    factor = unit(text.back());
    text.remove_suffix(1);
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  // What follows multiplies it by a thousand and adds it to a time.
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  if (value > kMost / factor || value < -kMost / factor) return std::nullopt;
  return value * factor;
}

std::int64_t take_number(GreylistScanner& scanner, bool (*belongs)(char), std::string_view units,
                         std::string_view what) {
  const auto text = scanner.run(belongs);
  if (text.empty()) {
    scanner.expected(what);
    return 0;
  }
  const auto value = read_number(text, units);
  if (!value) scanner.error(std::string(text) + " is not " + std::string(what));
  return value.value_or(0);
}

struct TakenIp {
  table::Ip ip;
  bool mapped = false;  ///< an IPv4 address in IPv6's form: a prefix counts from that form's begin
};
TakenIp take_ip(GreylistScanner& scanner) {
  const auto text = scanner.run(is_ip);
  if (text.empty()) {
    scanner.expected("an address");
    return {};
  }
  const auto zone = text.find('%');
  const auto parsed = table::Ip::parse(text.substr(0, zone));
  if (!parsed) {
    scanner.error(std::string(text) + " is not an address");
    return {};
  }
  if (zone != std::string_view::npos)
    scanner.error("an address with a zone is of this machine alone: leave the zone away");
  return {*parsed, parsed->family() == table::Ip::Family::v4 && text.find(':') != std::string_view::npos};
}

}  // namespace

std::string quoted(GreylistScanner& scanner, std::string_view what) {
  auto text = scanner.quoted();
  if (!text) scanner.expected(what);
  return std::move(text).value_or("");
}

std::string path(GreylistScanner& scanner) {
  auto text = quoted(scanner, "a path in quotes");
  if (text.empty()) scanner.error("the path is empty");
  return text;
}

std::chrono::seconds duration(GreylistScanner& scanner) {
  return std::chrono::seconds(
      take_number(scanner, is_number, "smhdw", "a time such as 30s, 5m, 1h, 1d or 2w"));
}

std::chrono::seconds signed_duration(GreylistScanner& scanner) {
  return std::chrono::seconds(
      take_number(scanner, is_signed_number, "smhdw", "a time such as 30s, 5m, 1h, 1d or 2w"));
}

std::int64_t number(GreylistScanner& scanner) {
  return take_number(scanner, is_number, "kMsmhdw", "a number such as 100, 10k or 5M");
}

std::uint32_t small_number(GreylistScanner& scanner, std::uint32_t most) {
  const auto value = take_number(scanner, is_digit, "", "a number");
  if (value > most) scanner.error("at most " + std::to_string(most) + " can be");
  return static_cast<std::uint32_t>(std::min<std::int64_t>(value, most));
}

unsigned file_mode(GreylistScanner& scanner) {
  const auto digits = scanner.run(is_digit);
  unsigned mode = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), mode, 8);
  if (digits.empty()) {
    scanner.expected("a mode such as 660");
  } else if (error != std::errc() || end != digits.data() + digits.size() || mode > 0777) {
    scanner.error("a mode is three octal digits, such as 660");
  }
  return mode;
}

unsigned prefix(GreylistScanner& scanner, unsigned most) {
  if (!scanner.take('/')) {
    scanner.expected("a prefix such as /24");
    return 0;
  }
  return small_number(scanner, most);
}

table::Ip ip(GreylistScanner& scanner) { return take_ip(scanner).ip; }

table::Network network(GreylistScanner& scanner) {
  const auto [base, mapped] = take_ip(scanner);
  const unsigned shift = mapped ? 96 : 0;
  unsigned bits = base.bits() + shift;
  if (scanner.next_is('/')) bits = prefix(scanner, bits);
  if (bits < shift) {
    scanner.error("a network of IPv4 addresses in this form has a prefix of at least /96");
    return {};
  }
  bits -= shift;
  const auto parsed = table::Network::parse(base.masked(bits).text() + "/" + std::to_string(bits));
  return parsed ? *parsed : table::Network();
}

std::string address(GreylistScanner& scanner) {
  std::string out;
  if (scanner.next_is('"')) {
    out = scanner.run(is_quoted_local);
  } else if (!scanner.next_is('{')) {  // which would begin a list
    out = scanner.run(is_local);
  }
  if (out.empty() || !scanner.take('@')) {
    scanner.expected("an address such as joe@example.org, or an expression between slashes");
    return {};
  }
  const auto host = scanner.run(is_domain);
  if (host.empty()) scanner.expected("a domain");
  out.append("@").append(host);
  if (out.size() > kLongestAddress) scanner.error("an address has at most 324 octets");
  return out;
}

std::string domain(GreylistScanner& scanner) {
  std::string out(scanner.run(is_domain));
  if (out.empty()) scanner.expected("a domain");
  if (out.size() > kLongestAddress) scanner.error("a domain has at most 324 octets");
  return out;
}

greylist::PropertyName property(GreylistScanner& scanner) {
  greylist::PropertyName out;
  if (scanner.take('$')) out.name = scanner.run(is_property);
  if (out.name.empty() || out.name.back() == '-') scanner.expected("a property such as $name");
  for (auto& c : out.name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

std::optional<greylist::Comparison> comparison(GreylistScanner& scanner) {
  using greylist::Comparison;
  const auto text = scanner.run(is_operator);
  if (text == "==") return Comparison::equal;
  if (text == "!=") return Comparison::not_equal;
  if (text == "<") return Comparison::less;
  if (text == ">") return Comparison::greater;
  if (text == "<=") return Comparison::at_most;
  if (text == ">=") return Comparison::at_least;
  constexpr std::string_view kWanted = "one of ==, !=, <, >, <= and >=";
  if (text.empty()) {
    scanner.expected(kWanted);
  } else {
    scanner.error(std::string(text) + " is not " + std::string(kWanted));
  }
  return std::nullopt;
}

std::optional<greylist::Pattern> regex(GreylistScanner& scanner, greylist::Pattern::Syntax syntax) {
  const auto source = scanner.regex();
  if (!source) return std::nullopt;
  if (scanner.failed()) return greylist::Pattern::literal("");
  if (source->empty()) {
    scanner.error("the expression is empty");
    return greylist::Pattern::literal("");
  }
  auto pattern = greylist::Pattern::regex(*source, syntax);
  if (!pattern) {
    scanner.error("the expression can't be used: " + pattern.error().text);
    return greylist::Pattern::literal("");
  }
  return std::move(*pattern);
}

}  // namespace hikyaku::config::greylist_values
