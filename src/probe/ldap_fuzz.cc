#include <cstdint>
#include <cstdlib>
#include <string>

#include "probe/ldap.h"
#include "probe/ldap_filter.h"

// A message is taken whole or not at all, and a filter is one value of BER.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string octets(reinterpret_cast<const char*>(data), size);
  (void)hikyaku::probe::ldap_filter(octets);
  for (;;) {
    const auto before = octets.size();
    const auto message = hikyaku::probe::take_ldap_message(octets);
    if (!message || !*message) break;
    if (octets.size() >= before) std::abort();
  }
  return 0;
}
