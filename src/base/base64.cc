#include "base/base64.h"

#include <cstdint>

#include "base/base64_tables.h"

namespace hikyaku {
namespace {

constexpr auto kNoDigit = Base64Tables::kNoDigit;
constexpr const Base64Tables& kTables = base64_tables(Base64Alphabet::standard);

std::uint32_t digit(char c) { return kTables.digits[static_cast<unsigned char>(c)]; }
std::uint32_t octet(char c) { return static_cast<unsigned char>(c); }
char letter(std::uint32_t bits) { return kTables.letters[bits & 63]; }
char low_octet(std::uint32_t bits) { return static_cast<char>(static_cast<unsigned char>(bits & 255)); }

}  // namespace

void put_base64(std::string& out, std::string_view octets) {
  out.reserve(out.size() + (octets.size() + 2) / 3 * 4);
  while (octets.size() >= 3) {
    const auto bits = octet(octets[0]) << 16 | octet(octets[1]) << 8 | octet(octets[2]);
    out += letter(bits >> 18);
    out += letter(bits >> 12);
    out += letter(bits >> 6);
    out += letter(bits);
    octets.remove_prefix(3);
  }
  if (octets.empty()) return;
  const auto bits = octet(octets[0]) << 16 | (octets.size() == 2 ? octet(octets[1]) << 8 : 0);
  out += letter(bits >> 18);
  out += letter(bits >> 12);
  out += octets.size() == 2 ? letter(bits >> 6) : '=';
  out += '=';
}

std::string base64_encode(std::string_view octets) {
  std::string out;
  put_base64(out, octets);
  return out;
}

std::expected<std::string, std::size_t> base64_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3);
  std::size_t at = 0;
  for (; at + 4 <= text.size(); at += 4) {
    std::uint32_t bits = 0;
    std::size_t digits = 0;
    for (; digits < 4; ++digits) {
      const auto one = digit(text[at + digits]);
      if (one == kNoDigit) break;
      bits = bits << 6 | one;
    }
    if (digits == 4) {
      out += low_octet(bits >> 16);
      out += low_octet(bits >> 8);
      out += low_octet(bits);
      continue;
    }
    // Not a full group: only two or three digits and padding, at the very end, are base64.
    if (digits < 2 || text[at + digits] != '=') return std::unexpected(at + digits);
    if (digits == 2 && text[at + 3] != '=') return std::unexpected(at + 3);
    const auto unused = digits == 2 ? bits & 15 : bits & 3;
    if (unused != 0) return std::unexpected(at + digits - 1);
    if (at + 4 != text.size()) return std::unexpected(at + 4);
    bits <<= 6 * (4 - digits);
    out += low_octet(bits >> 16);
    if (digits == 3) out += low_octet(bits >> 8);
    return out;
  }
  for (; at < text.size(); ++at) {
    if (digit(text[at]) == kNoDigit) return std::unexpected(at);
  }
  if (text.size() % 4 != 0) return std::unexpected(text.size());
  return out;
}

}  // namespace hikyaku
