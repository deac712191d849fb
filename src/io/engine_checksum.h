#pragma once
#include <cstdint>
#include <string>

namespace hikyaku::io {

/// A CRC-32C of a whole file as the engine keeps it: four octets, the highest first.
inline std::string engine_checksum(std::uint32_t sum) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(sum >> shift & 0xff);
  return text;
}

}  // namespace hikyaku::io
