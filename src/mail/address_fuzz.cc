#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "mail/address.h"

// What parses prints, and parses back to itself.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto address = hikyaku::mail::Address::parse(text)) {
    const auto again = hikyaku::mail::Address::parse(address->text());
    if (!again || *again != *address) std::abort();
  }
  if (const auto internal = hikyaku::mail::Address::from_internal(text)) {
    if (internal->internal() != text) std::abort();
    (void)internal->text();
  }
  return 0;
}
