#include "base/base64.h"

#include <cstdint>
#include <cstdlib>

// What decodes must encode to the same text, and all octets must survive the way there and back.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto octets = hikyaku::base64_decode(text);
  if (octets && hikyaku::base64_encode(*octets) != text) std::abort();
  if (!octets && octets.error() > size) std::abort();
  if (hikyaku::base64_decode(hikyaku::base64_encode(text)).value() != text) std::abort();
  return 0;
}
