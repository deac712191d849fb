#include "store/modified_utf7.h"

#include <cstdint>

#include "base/utf8.h"

namespace hikyaku::store {
namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

bool direct(char c) { return c >= ' ' && c <= '~'; }

char32_t code_point(std::string_view character) {
  const auto first = static_cast<unsigned char>(character.front());
  if (character.size() == 1) return first;
  char32_t value = first & (0x7fU >> character.size());
  for (const char c : character.substr(1)) value = value << 6 | (static_cast<unsigned char>(c) & 0x3fU);
  return value;
}

void put_utf8(std::string& out, char32_t value) {
  if (value < 0x80) return out.push_back(static_cast<char>(value));
  const int more = value < 0x800 ? 1 : value < 0x10000 ? 2 : 3;
  constexpr unsigned kFirst[] = {0, 0xc0, 0xe0, 0xf0};
  out.push_back(static_cast<char>(kFirst[more] | value >> (6 * more)));
  for (int i = more; i-- > 0;) out.push_back(static_cast<char>(0x80U | (value >> (6 * i) & 0x3fU)));
}

/// 16-bit units as digits of 6 bits.
class Digits {
 public:
  explicit Digits(std::string& out) : out_(out) {}
  void unit(std::uint32_t value) {
    bits_ = bits_ << 16 | value;
    for (count_ += 16; count_ >= 6;) {
      count_ -= 6;
      out_ += kDigits[bits_ >> count_ & 0x3fU];
    }
    bits_ &= (1U << count_) - 1;
  }
  void finish() {
    if (count_ > 0) out_ += kDigits[bits_ << (6 - count_) & 0x3fU];
  }

 private:
  std::string& out_;
  std::uint32_t bits_ = 0;
  unsigned count_ = 0;
};

/// The characters of one shifted sequence; false: it is none.
bool decode_shifted(std::string_view digits, std::string& out) {
  std::uint32_t bits = 0, high = 0;
  unsigned count = 0;
  for (const char c : digits) {
    const auto digit = kDigits.find(c);
    if (digit == std::string_view::npos) return false;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count < 16) continue;
    count -= 16;
    const auto unit = bits >> count & 0xffffU;
    bits &= (1U << count) - 1;
    const bool low = unit >= 0xdc00 && unit < 0xe000;
    if (low != (high != 0)) return false;
    if (low) {
      put_utf8(out, 0x10000U + ((high - 0xd800U) << 10) + (unit - 0xdc00U));
      high = 0;
    } else if (unit >= 0xd800 && unit < 0xdc00) {
      high = unit;
    } else if (unit < 0x80 && direct(static_cast<char>(unit))) {
      return false;  // it has a direct form, and each name only one form
    } else {
      put_utf8(out, unit);
    }
  }
  return high == 0 && count < 6 && bits == 0;
}

}  // namespace

std::string modified_utf7(std::string_view utf8) {
  std::string out;
  while (!utf8.empty()) {
    if (direct(utf8.front())) {
      out += utf8.front();
      if (utf8.front() == '&') out += '-';
      utf8.remove_prefix(1);
      continue;
    }
    out += '&';
    Digits digits(out);
    while (!utf8.empty() && !direct(utf8.front())) {
      const auto length = utf8_length(utf8);
      if (length == 0) return {};
      const auto value = code_point(utf8.substr(0, length));
      if (value >= 0x10000) {
        digits.unit(0xd800U + ((value - 0x10000U) >> 10));
        digits.unit(0xdc00U + ((value - 0x10000U) & 0x3ffU));
      } else {
        digits.unit(value);
      }
      utf8.remove_prefix(length);
    }
    digits.finish();
    out += '-';
  }
  return out;
}

std::optional<std::string> from_modified_utf7(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (!direct(c)) return std::nullopt;
    if (c != '&') {
      out += c;
      continue;
    }
    const auto end = text.find('-');
    if (end == std::string_view::npos) return std::nullopt;
    if (end == 0) {
      out += '&';
    } else if (!decode_shifted(text.substr(0, end), out)) {
      return std::nullopt;
    }
    text.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace hikyaku::store
