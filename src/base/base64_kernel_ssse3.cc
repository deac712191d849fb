#ifdef __x86_64__
#include <tmmintrin.h>

#define HIKYAKU_BASE64_TARGET __attribute__((target("ssse3")))
#include "base/base64_vector_loops.h"

namespace hikyaku {
namespace {

#define HIKYAKU_BASE64_INLINE HIKYAKU_BASE64_TARGET __attribute__((always_inline)) inline

template <typename Octet>
HIKYAKU_BASE64_INLINE __m128i sixteen(const std::array<Octet, 16>& octets) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(octets.data()));
}

/// As the one of AVX2, whose comments are not said again here, at half the width.
struct Ssse3 {
  static constexpr std::size_t kOctets = 12;
  static constexpr std::size_t kCharacters = 16;
  static constexpr std::size_t kReads = 16;

  HIKYAKU_BASE64_INLINE explicit Ssse3(const Base64Tables& tables)
      : letter_distance(sixteen(tables.letter_distance)),
        low_half(sixteen(tables.low_half)),
        high_half(sixteen(tables.high_half)),
        distance(sixteen(tables.distance)),
        odd_one(_mm_set1_epi8(tables.odd_one)),
        odd_distance(_mm_set1_epi8(tables.odd_distance)) {}

  HIKYAKU_BASE64_INLINE void encode(const std::uint8_t* in, char* out) const {
    const auto octets = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in));
    const auto spread =
        _mm_shuffle_epi8(octets, _mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10));
    const auto down =
        _mm_mulhi_epu16(_mm_and_si128(spread, _mm_set1_epi32(0x0fc0fc00)), _mm_set1_epi32(0x04000040));
    const auto up =
        _mm_mullo_epi16(_mm_and_si128(spread, _mm_set1_epi32(0x003f03f0)), _mm_set1_epi32(0x01000010));
    const auto digits = _mm_or_si128(down, up);
    const auto over = _mm_subs_epu8(digits, _mm_set1_epi8(51));
    const auto capital = _mm_and_si128(_mm_cmpgt_epi8(_mm_set1_epi8(26), digits), _mm_set1_epi8(13));
    const auto kind = _mm_or_si128(over, capital);
    const auto letters = _mm_add_epi8(digits, _mm_shuffle_epi8(letter_distance, kind));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), letters);
  }

  HIKYAKU_BASE64_INLINE std::uint32_t decode(const char* in, std::uint8_t* out) const {
    const auto letters = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in));
    const auto nibble = _mm_set1_epi8(15);
    const auto high = _mm_and_si128(_mm_srli_epi32(letters, 4), nibble);
    const auto low = _mm_and_si128(letters, nibble);
    const auto alien = _mm_and_si128(_mm_shuffle_epi8(low_half, low), _mm_shuffle_epi8(high_half, high));
    const auto odd = _mm_and_si128(_mm_cmpeq_epi8(letters, odd_one), odd_distance);
    const auto digits = _mm_add_epi8(letters, _mm_add_epi8(_mm_shuffle_epi8(distance, high), odd));
    const auto twelve = _mm_maddubs_epi16(digits, _mm_set1_epi32(0x01400140));
    const auto bits = _mm_madd_epi16(twelve, _mm_set1_epi32(0x00011000));
    const auto octets =
        _mm_shuffle_epi8(bits, _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), octets);
    const auto good = _mm_cmpeq_epi8(alien, _mm_setzero_si128());
    return ~static_cast<std::uint32_t>(_mm_movemask_epi8(good)) & 0xffffU;
  }

  __m128i letter_distance, low_half, high_half, distance, odd_one, odd_distance;
};

}  // namespace

Base64Kernel base64_kernel_ssse3() { return {"ssse3", encode_lines<Ssse3>, decode_groups<Ssse3>}; }

}  // namespace hikyaku
#endif
