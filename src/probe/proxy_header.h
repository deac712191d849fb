#pragma once
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::probe {

/// What a PROXY header says (HAProxy's proxy-protocol.txt, versions 1 and 2 up to the address block).
struct ProxyHeader {
  int version = 1;                  ///< 1 or 2
  std::string family;               ///< TCP4, TCP6; of version 2 AF_UNSPEC, AF_INET, AF_INET6, AF_UNIX
  std::string protocol = "STREAM";  ///< of version 2: UNSPEC, STREAM, DGRAM
  std::string command = "PROXY";    ///< of version 2: LOCAL, PROXY
  std::string source, source_port, destination, destination_port;
};

/// Its octets. Version 1 takes addresses and ports as they are given, so that nonsense can be tested; version
/// 2 needs them to be of their family (paths of at most 108 octets for AF_UNIX; nothing for AF_UNSPEC and
/// LOCAL). Fails with Fault::malformed, and names the part. Pure.
Result<std::string> proxy_header(const ProxyHeader& header);

/// `text` behind the beginning that its version has: "PROXY " and CRLF around it, or the signature before it.
std::string raw_proxy_header(int version, std::string_view text);

}  // namespace hikyaku::probe
