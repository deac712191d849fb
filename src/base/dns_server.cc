#include "base/dns_server.h"

#include <charconv>

#include "base/escape.h"

namespace hikyaku {

Result<DnsServer> DnsServer::parse(std::string_view text) {
  DnsServer server;
  const auto at = text.find('@');
  server.host = text.substr(0, at);
  bool good = !server.host.empty();
  for (const char c : server.host)
    good = good && ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
                    c == ':' || c == '-' || c == '_');
  if (good && at != std::string_view::npos) {
    const auto digits = text.substr(at + 1);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), server.port);
    good = read.ec == std::errc() && read.ptr == digits.data() + digits.size() && server.port != 0;
  }
  if (!good)
    return fail(
        Fault::malformed,
        "a DNS server is an address or a name, or one with a port as 192.0.2.53@5353, not " + escaped(text));
  return server;
}

}  // namespace hikyaku
