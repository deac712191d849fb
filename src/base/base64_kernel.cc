#include "base/base64_kernel.h"

#include <algorithm>
#include <array>

#include "base/base64_kernels.h"
#include "base/base64_tables.h"

namespace hikyaku {

void encode_base64_groups(const std::uint8_t* in, std::size_t groups, const Base64Tables& tables, char* out) {
  for (; groups != 0; --groups, in += 3, out += 4) {
    const std::uint32_t bits = std::uint32_t{in[0]} << 16 | std::uint32_t{in[1]} << 8 | in[2];
    out[0] = tables.letters[bits >> 18];
    out[1] = tables.letters[bits >> 12 & 63];
    out[2] = tables.letters[bits >> 6 & 63];
    out[3] = tables.letters[bits & 63];
  }
}

std::size_t base64_line_end(const char* in, std::size_t size) {
  if (size != 0 && in[0] == '\n') return 1;
  return size > 1 && in[0] == '\r' && in[1] == '\n' ? 2 : 0;
}

Base64Kernel::Run decode_base64_plainly(const char* in, std::size_t size, Base64Alphabet alphabet,
                                        std::uint8_t* out) {
  const auto& tables = base64_tables(alphabet);
  const auto digit = [&](std::size_t at) {
    return std::uint32_t{tables.digits[static_cast<unsigned char>(in[at])]};
  };
  Base64Kernel::Run run{};
  while (size - run.read >= 4) {
    const auto a = digit(run.read), b = digit(run.read + 1), c = digit(run.read + 2), d = digit(run.read + 3);
    if (((a | b | c | d) & Base64Tables::kNoDigit) != 0) {
      const auto passed = base64_line_end(in + run.read, size - run.read);
      if (passed == 0) break;
      run.read += passed;
      continue;
    }
    const auto bits = a << 18 | b << 12 | c << 6 | d;
    out[run.written] = static_cast<std::uint8_t>(bits >> 16);
    out[run.written + 1] = static_cast<std::uint8_t>(bits >> 8 & 255);
    out[run.written + 2] = static_cast<std::uint8_t>(bits & 255);
    run.read += 4;
    run.written += 3;
  }
  return run;
}

namespace {

void encode_plainly(const std::uint8_t* in, std::size_t count, const Base64Kernel::Lines& lines, char* out) {
  for (; count != 0; --count) {
    encode_base64_groups(in, lines.groups, base64_tables(lines.alphabet), out);
    in += lines.groups * 3;
    out += lines.groups * 4;
    out = std::copy(lines.end.begin(), lines.end.end(), out);
  }
}

/// The kernels of this processor, in the order of their speed.
struct Kernels {
  Kernels() {
    all[count++] = {"plain", encode_plainly, decode_base64_plainly};
#ifdef __x86_64__
    if (__builtin_cpu_supports("ssse3")) all[count++] = base64_kernel_ssse3();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi")) all[count++] = base64_kernel_avx2();
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi") &&
        __builtin_cpu_supports("bmi")) {
      all[count++] = base64_kernel_avx512();
    }
#endif
  }
  std::array<Base64Kernel, 4> all;
  std::size_t count = 0;
};

}  // namespace

std::span<const Base64Kernel> base64_kernels() {
  static const Kernels kernels;
  return {kernels.all.data(), kernels.count};
}

const Base64Kernel& best_base64_kernel() { return base64_kernels().back(); }

}  // namespace hikyaku
