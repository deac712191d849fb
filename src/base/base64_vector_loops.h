#pragma once
// The loops of the vector kernels. Each kernel's file defines HIKYAKU_BASE64_TARGET, the attribute that lets
// the compiler use its instructions, and includes this once; `Vector` is what it has of
//   kOctets, kCharacters: of one step;  kReads: octets that encode() reads, of which it uses kOctets
//   Vector(const Base64Tables&)
//   void encode(const std::uint8_t* in, char* out) const
//   an unsigned number decode(const char* in, std::uint8_t* out) const    the bits of those that are no
//   digits
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/base64_kernels.h"
#include "base/base64_tables.h"

#ifndef HIKYAKU_BASE64_TARGET
#define HIKYAKU_BASE64_TARGET
#endif

namespace hikyaku {
namespace {

/// What is fetched into the cache ahead of its use, also across the end of a page, where the processor's own
/// foresight ends: of mapped files, which nobody has touched, a quarter of the time. Behind the end it is
/// harmless.
constexpr std::ptrdiff_t kAhead = 2048;

/// Each line's last step may write beyond the line: what comes next is written over it, and behind the last
/// there is kOverrun.
template <class Vector>
HIKYAKU_BASE64_TARGET void encode_lines(const std::uint8_t* in, std::size_t count,
                                        const Base64Kernel::Lines& lines, char* out) {
  const auto& tables = base64_tables(lines.alphabet);
  const Vector vector(tables);
  const auto* const in_end = in + count * lines.groups * 3;
  for (; count != 0; --count) {
    const auto* const line_end = in + lines.groups * 3;
    auto* const out_end = out + lines.groups * 4;
    while (in < line_end && static_cast<std::size_t>(in_end - in) >= Vector::kReads) {
      __builtin_prefetch(in + kAhead);
      vector.encode(in, out);
      in += Vector::kOctets;
      out += Vector::kCharacters;
    }
    if (in < line_end) encode_base64_groups(in, static_cast<std::size_t>(line_end - in) / 3, tables, out);
    in = line_end;
    out = out_end;
    for (const char c : lines.end) *out++ = c;
  }
}

template <class Vector>
HIKYAKU_BASE64_TARGET Base64Kernel::Run decode_groups(const char* in, std::size_t size,
                                                      Base64Alphabet alphabet, std::uint8_t* out) {
  const Vector vector(base64_tables(alphabet));
  Base64Kernel::Run run{};
  std::size_t as_before = 0;  // groups in the step that had a line end
  while (size - run.read >= Vector::kCharacters) {
    __builtin_prefetch(in + run.read + kAhead);
    const auto bad = vector.decode(in + run.read, out + run.written);
    if (bad == 0) {
      run.read += Vector::kCharacters;
      run.written += Vector::kOctets;
      continue;
    }
    auto groups = static_cast<std::size_t>(std::countr_zero(bad)) / 4;
    // Lines are mostly of one length. Where the next step begins is then known by the prediction of this
    // branch, and need not wait for the letters of this one: a third of the time. The compiler would see no
    // difference.
    if (groups == as_before) {
      groups = as_before;
      asm("" : "+r"(groups));
    } else {
      as_before = groups;
    }
    run.read += groups * 4;
    run.written += groups * 3;
    const auto passed = base64_line_end(in + run.read, size - run.read);
    if (passed == 0) return run;
    run.read += passed;
  }
  const auto rest = decode_base64_plainly(in + run.read, size - run.read, alphabet, out + run.written);
  return {run.read + rest.read, run.written + rest.written};
}

}  // namespace
}  // namespace hikyaku
