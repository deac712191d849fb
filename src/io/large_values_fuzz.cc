// Any octets are read to their end; what is handed out lies within them and is found by its place again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "io/large_values.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hikyaku::io;
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  each_large_value(file, [&](std::string_view key, std::string_view value) {
    const auto offset = static_cast<std::uint64_t>(value.data() - file.data());
    const auto found = large_value(file, key, {1, offset, value.size()});
    if (!found || *found != value) std::abort();
  });
  (void)LargeValueReference::parse(file);
  return 0;
}
