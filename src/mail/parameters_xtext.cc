#include "mail/parameters_xtext.h"

namespace hikyaku::mail {
namespace {

constexpr std::string_view kHex = "0123456789ABCDEF";

bool stands_for_itself(char c) { return c >= '!' && c <= '~' && c != '+' && c != '='; }
bool over_ascii(char c) { return static_cast<unsigned char>(c) > 127; }

}  // namespace

void put_xtext(std::string& out, std::string_view octets) {
  for (const char c : octets) {
    if (stands_for_itself(c)) {
      out += c;
      continue;
    }
    const auto octet = static_cast<unsigned char>(c);
    out += '+';
    out += kHex[octet >> 4];
    out += kHex[octet & 15];
  }
}

std::string xtext_encode(std::string_view octets) {
  std::string out;
  put_xtext(out, octets);
  return out;
}

std::optional<std::string> xtext_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (stands_for_itself(text[i]) || over_ascii(text[i])) {
      out += text[i];
      continue;
    }
    if (text[i] != '+' || i + 2 >= text.size()) return std::nullopt;
    const auto high = kHex.find(text[i + 1]);
    const auto low = kHex.find(text[i + 2]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    out += static_cast<char>(static_cast<unsigned char>(high << 4 | low));
    i += 2;
  }
  return out;
}

}  // namespace hikyaku::mail
