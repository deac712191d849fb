#pragma once
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/dns_server.h"
#include "base/result.h"

namespace hikyaku::io {

/// Sends a message and gives what comes back with the same identifier: over UDP, twice to each of the
/// server's addresses, or over TCP where the message is longer than any server must take, or the answer is
/// cut off (RFC 1035 s. 4.2). Blocks. Fault::temporary: nothing came by then.
Result<std::string> dns_exchange(const DnsServer& server, const std::string& message,
                                 std::chrono::steady_clock::time_point until);

/// The servers that the text of a resolv.conf(5) names.
std::vector<DnsServer> name_servers(std::string_view resolv_conf);

}  // namespace hikyaku::io
