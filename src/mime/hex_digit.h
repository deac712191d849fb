#pragma once
#include <array>
#include <cstddef>

namespace hikyaku::mime {

inline constexpr auto kHexValues = [] {
  std::array<signed char, 256> values{};
  values.fill(-1);
  for (std::size_t value = 0; value < 10; ++value) values['0' + value] = static_cast<signed char>(value);
  for (std::size_t value = 10; value < 16; ++value)
    values['A' + value - 10] = values['a' + value - 10] = static_cast<signed char>(value);
  return values;
}();

/// Of a hexadecimal digit in either case; -1: it is none.
inline int hex_value(char c) { return kHexValues[static_cast<unsigned char>(c)]; }

}  // namespace hikyaku::mime
