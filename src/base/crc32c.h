#pragma once
#include <cstdint>
#include <string_view>

namespace hikyaku {

/// CRC-32C (Castagnoli; RFC 3720 appendix B.4) of `octets`; `before` is that of what stands before them, so
/// that parts can be summed one after the other. Uses the processor's instruction where there is one.
std::uint32_t crc32c(std::string_view octets, std::uint32_t before = 0);

}  // namespace hikyaku
