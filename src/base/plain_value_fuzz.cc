#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/plain_value.h"

// What parses is written as it was read, and reads back.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  const auto value = hikyaku::PlainValue::parse(octets);
  if (!value) return 0;
  if (value->encoded() != octets) std::abort();
  if (text(*value).empty()) std::abort();
  return 0;
}
