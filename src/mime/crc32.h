#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace hikyaku::mime {

/// CRC-32 as yEnc, ZIP and Ethernet have it (ISO 3309: polynomial 0xEDB88320 reflected, begins with and ends
/// in all ones inverted). Not the one of base/crc32c.h.
class Crc32 {
 public:
  void add(std::string_view octets);
  std::uint32_t value() const { return ~state_; }

 private:
  std::uint32_t state_ = 0xFFFFFFFF;
};

}  // namespace hikyaku::mime
