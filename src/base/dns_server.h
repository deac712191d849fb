#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku {

/// Where a DNS server is.
struct DnsServer {
  std::string host;  ///< a name or an address
  std::uint16_t port = 53;
  /// "192.0.2.53", "ns.example", "192.0.2.53@5353". Fault::malformed.
  static Result<DnsServer> parse(std::string_view text);
  std::string text() const { return host + (port == 53 ? "" : "@" + std::to_string(port)); }
  bool operator==(const DnsServer&) const = default;
};

}  // namespace hikyaku
