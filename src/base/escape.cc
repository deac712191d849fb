#include "base/escape.h"

#include "base/utf8.h"

namespace hikyaku {
namespace {

bool is_control(std::string_view sequence) {
  const auto lead = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return lead < 0x20 || lead == 0x7f;
  return sequence.size() == 2 && lead == 0xc2 && static_cast<unsigned char>(sequence[1]) < 0xa0;
}

void put_hex(std::string& out, std::string_view octets) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  for (const char c : octets) {
    const auto octet = static_cast<unsigned char>(c);
    out += "\\x";
    out += kDigits[octet >> 4];
    out += kDigits[octet & 15];
  }
}

}  // namespace

std::string escaped(std::string_view text, std::size_t limit) {
  const bool cut = text.size() > limit;
  if (cut) text = text.substr(0, limit);
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto length = utf8_length(text);
    const auto piece = text.substr(0, length == 0 ? 1 : length);
    if (length == 0 || is_control(piece) || piece == "\\") {
      put_hex(out, piece);
    } else {
      out += piece;
    }
    text.remove_prefix(piece.size());
  }
  if (cut) out += "...";
  return out;
}

}  // namespace hikyaku
