// Any octets are read to their end, and no table is listed and removed at once.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "io/manifest_read.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto list = hikyaku::io::read_manifest({reinterpret_cast<const char*>(data), size});
  for (const auto& [number, table] : list.tables) {
    if (list.removed.contains(number)) std::abort();
  }
  return 0;
}
