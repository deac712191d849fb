// What parses as a next hop prints, and parses back to the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "route/next_hop.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using hikyaku::route::NextHop;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto protocol : {NextHop::Protocol::smtp, NextHop::Protocol::lmtp}) {
    const auto hop = NextHop::parse(text, protocol);
    if (hop) {
      const auto again = NextHop::parse(hop->text(), protocol);
      if (!again || *again != *hop) std::abort();
    }
    const auto hops = NextHop::parse_list(text, protocol);
    if (hops && hops->size() > 100) std::abort();
  }
  return 0;
}
