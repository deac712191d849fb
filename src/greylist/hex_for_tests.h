#pragma once
// For tests only: octets as people write them down.
#include <string>
#include <string_view>

namespace hikyaku::greylist {

inline std::string hex(std::string_view octets) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : octets) {
    const auto octet = static_cast<unsigned char>(c);
    out += {kDigits[octet >> 4U], kDigits[octet & 15U]};
  }
  return out;
}

inline std::string from_hex(std::string_view digits) {
  std::string out;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  return out;
}

}  // namespace hikyaku::greylist
