#ifdef __x86_64__
#include <immintrin.h>

#define HIKYAKU_BASE64_TARGET __attribute__((target("avx2,bmi")))
#include "base/base64_vector_loops.h"

namespace hikyaku {
namespace {

#define HIKYAKU_BASE64_INLINE HIKYAKU_BASE64_TARGET __attribute__((always_inline)) inline

/// The same sixteen octets in both halves: the shuffles look within their half alone.
template <typename Octet>
HIKYAKU_BASE64_INLINE __m256i twice(const std::array<Octet, 16>& octets) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(octets.data())));
}

struct Avx2 {
  static constexpr std::size_t kOctets = 24;
  static constexpr std::size_t kCharacters = 32;
  static constexpr std::size_t kReads = 28;

  HIKYAKU_BASE64_INLINE explicit Avx2(const Base64Tables& tables)
      : letter_distance(twice(tables.letter_distance)),
        low_half(twice(tables.low_half)),
        high_half(twice(tables.high_half)),
        distance(twice(tables.distance)),
        odd_one(_mm256_set1_epi8(tables.odd_one)),
        odd_distance(_mm256_set1_epi8(tables.odd_distance)) {}

  HIKYAKU_BASE64_INLINE void encode(const std::uint8_t* in, char* out) const {
    const auto* const from = reinterpret_cast<const __m128i*>(in);
    const auto* const half = reinterpret_cast<const __m128i*>(in + 12);
    const auto octets =
        _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(from)), _mm_loadu_si128(half), 1);
    // Of each three octets a b c the four b a c b: then each digit lies within one of the two 16-bit words.
    const auto spread = _mm256_shuffle_epi8(octets, _mm256_broadcastsi128_si256(_mm_setr_epi8(
                                                        1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10)));
    // The first and third digit go down by 10 and 6, the second and fourth up by 4 and 8.
    const auto down = _mm256_mulhi_epu16(_mm256_and_si256(spread, _mm256_set1_epi32(0x0fc0fc00)),
                                         _mm256_set1_epi32(0x04000040));
    const auto up = _mm256_mullo_epi16(_mm256_and_si256(spread, _mm256_set1_epi32(0x003f03f0)),
                                       _mm256_set1_epi32(0x01000010));
    const auto digits = _mm256_or_si256(down, up);
    // 0 for what is below 52, else 1..12; and 13 for what is below 26.
    const auto over = _mm256_subs_epu8(digits, _mm256_set1_epi8(51));
    const auto capital =
        _mm256_and_si256(_mm256_cmpgt_epi8(_mm256_set1_epi8(26), digits), _mm256_set1_epi8(13));
    const auto kind = _mm256_or_si256(over, capital);
    const auto letters = _mm256_add_epi8(digits, _mm256_shuffle_epi8(letter_distance, kind));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), letters);
  }

  HIKYAKU_BASE64_INLINE std::uint32_t decode(const char* in, std::uint8_t* out) const {
    const auto letters = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in));
    const auto nibble = _mm256_set1_epi8(15);
    const auto high = _mm256_and_si256(_mm256_srli_epi32(letters, 4), nibble);
    const auto low = _mm256_and_si256(letters, nibble);
    const auto alien =
        _mm256_and_si256(_mm256_shuffle_epi8(low_half, low), _mm256_shuffle_epi8(high_half, high));
    const auto odd = _mm256_and_si256(_mm256_cmpeq_epi8(letters, odd_one), odd_distance);
    const auto away = _mm256_add_epi8(_mm256_shuffle_epi8(distance, high), odd);
    const auto digits = _mm256_add_epi8(letters, away);
    // Two digits make twelve bits, two of those 24, of which the three octets lie the wrong way round.
    const auto twelve = _mm256_maddubs_epi16(digits, _mm256_set1_epi32(0x01400140));
    const auto bits = _mm256_madd_epi16(twelve, _mm256_set1_epi32(0x00011000));
    const auto octets = _mm256_shuffle_epi8(
        bits,
        _mm256_broadcastsi128_si256(_mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1)));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm256_castsi256_si128(octets));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 12), _mm256_extracti128_si256(octets, 1));
    const auto good = _mm256_cmpeq_epi8(alien, _mm256_setzero_si256());
    return ~static_cast<std::uint32_t>(_mm256_movemask_epi8(good));
  }

  __m256i letter_distance, low_half, high_half, distance, odd_one, odd_distance;
};

}  // namespace

Base64Kernel base64_kernel_avx2() { return {"avx2", encode_lines<Avx2>, decode_groups<Avx2>}; }

}  // namespace hikyaku
#endif
