#ifdef __x86_64__
#include <immintrin.h>

#define HIKYAKU_BASE64_TARGET __attribute__((target("avx512f,avx512bw,avx512vbmi,bmi")))
#include "base/base64_vector_loops.h"

namespace hikyaku {
namespace {

#define HIKYAKU_BASE64_INLINE HIKYAKU_BASE64_TARGET __attribute__((always_inline)) inline

using Shuffle = std::array<std::uint8_t, 64>;

/// Of each three octets a b c the four b a c b: then each digit lies within two octets that are neighbours.
constexpr Shuffle kSpread = [] {
  Shuffle from{};
  for (std::size_t group = 0; group < 16; ++group) {
    constexpr std::array<std::uint8_t, 4> kOrder{1, 0, 2, 1};
    for (std::size_t i = 0; i < 4; ++i)
      from[group * 4 + i] = static_cast<std::uint8_t>(group * 3 + kOrder[i]);
  }
  return from;
}();

/// Of each four octets the lower three, the highest first.
constexpr Shuffle kGather = [] {
  Shuffle from{};
  for (std::size_t i = 0; i < 48; ++i) from[i] = static_cast<std::uint8_t>(i / 3 * 4 + 2 - i % 3);
  return from;
}();

HIKYAKU_BASE64_INLINE __m512i loaded(const void* from) { return _mm512_loadu_si512(from); }

/// This processor looks octets up in tables of 64 and 128: the alphabet is its own table, both ways.
struct Avx512 {
  static constexpr std::size_t kOctets = 48;
  static constexpr std::size_t kCharacters = 64;
  static constexpr std::size_t kReads = 48;

  HIKYAKU_BASE64_INLINE explicit Avx512(const Base64Tables& tables)
      : letters(loaded(tables.letters.data())),
        digits_low(loaded(tables.digits.data())),
        digits_high(loaded(tables.digits.data() + 64)),
        spread(loaded(kSpread.data())),
        gather(loaded(kGather.data())) {}

  HIKYAKU_BASE64_INLINE void encode(const std::uint8_t* in, char* out) const {
    const auto octets = _mm512_maskz_loadu_epi8(0xffffffffffff, in);
    // Where in each eight octets the digits begin; the look-up sees six bits alone.
    const auto begins = _mm512_set1_epi64(0x3036242a1016040a);
    const auto digits = _mm512_multishift_epi64_epi8(begins, _mm512_permutexvar_epi8(spread, octets));
    _mm512_storeu_si512(out, _mm512_permutexvar_epi8(digits, letters));
  }

  HIKYAKU_BASE64_INLINE std::uint64_t decode(const char* in, std::uint8_t* out) const {
    const auto characters = loaded(in);
    const auto digits = _mm512_permutex2var_epi8(digits_low, characters, digits_high);
    const auto twelve = _mm512_maddubs_epi16(digits, _mm512_set1_epi32(0x01400140));
    const auto bits = _mm512_madd_epi16(twelve, _mm512_set1_epi32(0x00011000));
    _mm512_storeu_si512(out, _mm512_permutexvar_epi8(gather, bits));
    // The look-up sees seven bits alone; the highest of each octet is to tell both kinds of aliens.
    static_assert(Base64Tables::kNoDigit == 64);
    const auto alien = _mm512_or_si512(_mm512_add_epi8(digits, digits), characters);
    return _mm512_movepi8_mask(alien);
  }

  __m512i letters, digits_low, digits_high, spread, gather;
};

}  // namespace

Base64Kernel base64_kernel_avx512() { return {"avx512", encode_lines<Avx512>, decode_groups<Avx512>}; }

}  // namespace hikyaku
#endif
