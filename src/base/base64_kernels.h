#pragma once
#include <cstddef>
#include <cstdint>

#include "base/base64_kernel.h"
#include "base/base64_tables.h"

namespace hikyaku {

// What the kernels share. For them alone.

/// Exactly groups * 4 characters.
void encode_base64_groups(const std::uint8_t* in, std::size_t groups, const Base64Tables& tables, char* out);
/// The size of the line end at `in`; 0 when there is none.
std::size_t base64_line_end(const char* in, std::size_t size);
Base64Kernel::Run decode_base64_plainly(const char* in, std::size_t size, Base64Alphabet alphabet,
                                        std::uint8_t* out);

#ifdef __x86_64__
Base64Kernel base64_kernel_ssse3();
Base64Kernel base64_kernel_avx2();
Base64Kernel base64_kernel_avx512();  // with VBMI
#endif

}  // namespace hikyaku
