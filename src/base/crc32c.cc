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
/// The instruction takes three cycles, and another one can begin in each: three stretches of so many octets
/// are summed at once.
constexpr std::size_t kStretch = 512;

/// What becomes of a sum when kStretch zeros follow, by each of its octets.
constexpr auto kPastStretch = [] {
  std::array<std::array<std::uint32_t, 256>, 4> past{};
  for (std::size_t bit = 0; bit < 32; ++bit) {
    std::uint32_t sum = std::uint32_t{1} << bit;
    for (std::size_t i = 0; i < kStretch; ++i) sum = (sum >> 8) ^ kTable[sum & 0xff];
    auto& of_octet = past[bit / 8];
    const auto value = std::size_t{1} << bit % 8;
    for (std::size_t lower = 0; lower < value; ++lower) of_octet[value + lower] = of_octet[lower] ^ sum;
  }
  return past;
}();

std::uint32_t past_stretch(std::uint32_t sum) {
  return kPastStretch[0][sum & 0xff] ^ kPastStretch[1][sum >> 8 & 0xff] ^ kPastStretch[2][sum >> 16 & 0xff] ^
         kPastStretch[3][sum >> 24];
}

std::uint64_t word_at(const char* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

__attribute__((target("sse4.2"))) std::uint32_t by_instruction(std::string_view octets, std::uint32_t sum) {
  std::uint64_t wide = sum;
  while (octets.size() >= 3 * kStretch) {
    std::uint64_t second = 0, third = 0;
    const char* const begin = octets.data();
    for (const char* at = begin; at != begin + kStretch; at += sizeof wide) {
      wide = _mm_crc32_u64(wide, word_at(at));
      second = _mm_crc32_u64(second, word_at(at + kStretch));
      third = _mm_crc32_u64(third, word_at(at + 2 * kStretch));
    }
    second ^= past_stretch(static_cast<std::uint32_t>(wide));
    wide = third ^ past_stretch(static_cast<std::uint32_t>(second));
    octets.remove_prefix(3 * kStretch);
  }
  while (octets.size() >= sizeof wide) {
    wide = _mm_crc32_u64(wide, word_at(octets.data()));
    octets.remove_prefix(sizeof wide);
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
