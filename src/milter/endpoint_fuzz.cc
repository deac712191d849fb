#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "milter/endpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = hikyaku::milter::Endpoint::parse({reinterpret_cast<const char*>(data), size});
  if (!read) return 0;
  const auto again = hikyaku::milter::Endpoint::parse(read->text());
  if (!again || *again != *read) std::abort();
  return 0;
}
