#include <cstdlib>

#include "io/backed_files.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace hikyaku::io;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto list = decode_file_list(text)) {
    const auto again = decode_file_list(encode_file_list(*list));
    if (!again || *again != *list) std::abort();
  }
  return 0;
}
