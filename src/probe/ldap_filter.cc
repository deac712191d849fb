#include "probe/ldap_filter.h"

#include <charconv>
#include <optional>

#include "probe/ber.h"
#include "probe/record.h"

namespace hikyaku::probe {
namespace {

constexpr int kDepth = 20;
constexpr std::size_t kMost = std::size_t{64} << 10;
constexpr std::uint8_t kOctets = 0x04, kSequence = 0x30;

class FilterReader {
 public:
  explicit FilterReader(std::string_view text) : rest_(text) {}

  std::optional<std::string> whole() {
    auto out = filter(0);
    if (!rest_.empty()) return std::nullopt;
    return out;
  }

 private:
  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::optional<std::string> filter(int depth) {
    if (depth > kDepth || !take('(')) return std::nullopt;
    std::optional<std::string> out;
    if (take('&')) {
      out = list(0xa0, depth);
    } else if (take('|')) {
      out = list(0xa1, depth);
    } else if (take('!')) {
      if (auto inner = filter(depth + 1)) out = ber(0xa2, *inner);
    } else {
      out = item();
    }
    if (!out || !take(')')) return std::nullopt;
    return out;
  }

  std::optional<std::string> list(std::uint8_t tag, int depth) {
    std::string inner;
    while (rest_.starts_with('(')) {
      auto one = filter(depth + 1);
      if (!one) return std::nullopt;
      inner += *one;
    }
    return ber(tag, inner);
  }

  std::optional<std::string> item() {
    const auto end = rest_.find(')');
    const auto text = rest_.substr(0, end);
    const auto sign = text.find('=');
    if (end == rest_.npos || sign == text.npos || sign == 0) return std::nullopt;
    rest_.remove_prefix(end);
    auto name = text.substr(0, sign);
    const auto value = text.substr(sign + 1);
    std::uint8_t tag = 0xa3;
    if (name.ends_with('>')) tag = 0xa5;
    if (name.ends_with('<')) tag = 0xa6;
    if (name.ends_with('~')) tag = 0xa8;
    if (name.ends_with(':') || value.contains('(')) return std::nullopt;
    if (tag != 0xa3) name.remove_suffix(1);
    if (name.empty()) return std::nullopt;
    if (tag == 0xa3 && value == "*") return ber(0x87, name);
    if (tag == 0xa3 && value.contains('*')) return substrings(name, value);
    const auto octets = unescaped(value);
    if (!octets || value.contains('*')) return std::nullopt;
    return ber(tag, ber(kOctets, name) + ber(kOctets, *octets));
  }

  static std::optional<std::string> substrings(std::string_view name, std::string_view value) {
    std::string parts;
    for (bool first = true;; first = false) {
      const auto star = value.find('*');
      const auto octets = unescaped(value.substr(0, star));
      if (!octets) return std::nullopt;
      const bool last = star == value.npos;
      if (!octets->empty()) parts += ber(first ? 0x80 : last ? 0x82 : 0x81, *octets);
      if (last) break;
      value.remove_prefix(star + 1);
    }
    return ber(0xa4, ber(kOctets, name) + ber(kSequence, parts));
  }

  static std::optional<std::string> unescaped(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\') {
        out += text[i];
        continue;
      }
      const auto digits = text.substr(i + 1, 2);
      unsigned octet = 0;
      const auto [stop, code] = std::from_chars(digits.data(), digits.data() + digits.size(), octet, 16);
      if (code != std::errc{} || digits.size() != 2 || stop != digits.data() + 2) return std::nullopt;
      out += static_cast<char>(octet);
      i += 2;
    }
    return out;
  }

  std::string_view rest_;
};

}  // namespace

Result<std::string> ldap_filter(std::string_view text) {
  auto out = text.size() > kMost ? std::nullopt : FilterReader(text).whole();
  if (!out)
    return fail(Fault::malformed, "\"" + shown(text.substr(0, 200)) + "\" is no search filter (RFC 4515)");
  return std::move(*out);
}

}  // namespace hikyaku::probe
