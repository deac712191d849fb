#include "base/varint.h"

namespace hikyaku {

void put_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>((value & 0x7f) | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

std::optional<std::uint64_t> take_varint(std::string_view& in) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !in.empty(); shift += 7) {
    const auto octet = static_cast<unsigned char>(in.front());
    in.remove_prefix(1);
    if (shift == 63 && octet > 1) return std::nullopt;
    value |= static_cast<std::uint64_t>(octet & 0x7f) << shift;
    if ((octet & 0x80) == 0) return value;
  }
  return std::nullopt;
}

void put_text(std::string& out, std::string_view text) {
  const auto size = text.size();
  if (size < 0x80) {
    out += static_cast<char>(size);
  } else {
    put_varint(out, size);
  }
  out += text;
}

std::optional<std::string_view> take_text(std::string_view& in) {
  const auto size = take_varint(in);
  if (!size || *size > in.size()) return std::nullopt;
  const auto text = in.substr(0, *size);
  in.remove_prefix(*size);
  return text;
}

}  // namespace hikyaku
