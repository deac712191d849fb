#pragma once
#include <cstddef>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace hikyaku::smtp {

/// The octets that message content is searched for: CR, LF and NUL.
inline bool is_line_octet(char c) { return c == '\r' || c == '\n' || c == '\0'; }

/// The first CR, LF or NUL in [at, end), or `end`. 16 octets a step where the processor has them.
inline const char* find_line_octet(const char* at, const char* end) {
#if defined(__SSE2__)
  const __m128i cr = _mm_set1_epi8('\r');
  const __m128i lf = _mm_set1_epi8('\n');
  const __m128i nul = _mm_setzero_si128();
  while (end - at >= 16) {
    const __m128i octets = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i found = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(octets, cr), _mm_cmpeq_epi8(octets, lf)),
                                       _mm_cmpeq_epi8(octets, nul));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(found));
    if (mask != 0) return at + __builtin_ctz(mask);
    at += 16;
  }
#endif
  while (at != end && !is_line_octet(*at)) ++at;
  return at;
}

}  // namespace hikyaku::smtp
