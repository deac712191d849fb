#include "mime/charset_guess.h"

#include <cstdint>
#include <cstdlib>

// A guess has a reason, and a confidence between 0 and 1.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto guess = hikyaku::mime::guess_charset({reinterpret_cast<const char*>(data), size});
  if (!(guess.confidence >= 0 && guess.confidence <= 1) || guess.reason.empty() || guess.charset.name.empty())
    std::abort();
  return 0;
}
