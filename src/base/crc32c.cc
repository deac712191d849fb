#include "base/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace hikyaku {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78;  // reflected

constexpr auto kTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? (value >> 1) ^ kPolynomial : value >> 1;
    table[i] = value;
  }
  return table;
}();

std::uint32_t by_table(std::string_view octets, std::uint32_t sum) {
  for (const char c : octets) sum = (sum >> 8) ^ kTable[(sum ^ static_cast<unsigned char>(c)) & 0xff];
  return sum;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t by_instruction(std::string_view octets, std::uint32_t sum) {
  std::uint64_t wide = sum;
  while (octets.size() >= sizeof(std::uint64_t)) {
    std::uint64_t word;
    std::memcpy(&word, octets.data(), sizeof word);
    wide = _mm_crc32_u64(wide, word);
    octets.remove_prefix(sizeof word);
  }
  sum = static_cast<std::uint32_t>(wide);
  for (const char c : octets) sum = _mm_crc32_u8(sum, static_cast<unsigned char>(c));
  return sum;
}
#endif

}  // namespace

std::uint32_t crc32c(std::string_view octets, std::uint32_t before) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  if (has_instruction) return ~by_instruction(octets, ~before);
#endif
  return ~by_table(octets, ~before);
}

}  // namespace hikyaku
