#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "probe/wire.h"

namespace hikyaku::io {

/// Where to connect to.
struct ProbeTarget {
  enum class Family : unsigned char { any, ipv4, ipv6 };

  std::string host;        ///< a name, or an address without brackets
  std::uint16_t port = 0;  ///< of TCP
  std::string unix_path;   ///< a Unix socket instead of both; empty: none
  Family family = Family::any;
  std::string local_address;                ///< to connect from; empty: any
  std::uint16_t local_port = 0;             ///< 0: any
  std::chrono::milliseconds limit{30'000};  ///< for each address, and for each silence while sending or in
                                            ///< a handshake
};

struct ProbeConnection {
  std::unique_ptr<probe::Wire> wire;
  std::string peer;                 ///< "192.0.2.1:25", "[2001:db8::1]:25", or the path
  std::string local;                ///< our end, likewise; empty for a Unix socket
  std::vector<std::string> failed;  ///< addresses that were tried before, each with why not
};

/// Connects to each address of the host in turn until one answers. Blocks; the look-up of a name takes as
/// long as the system's does. Fault::not_found: there is no such host, path or address of that family;
/// Fault::temporary: none took the connection, the text has each with its reason. The program must ignore
/// SIGPIPE.
Result<ProbeConnection> connect_probe(const ProbeTarget& target);

/// The same for a connected stream socket, which this takes over.
std::unique_ptr<probe::Wire> probe_wire(int socket, std::chrono::milliseconds limit);

}  // namespace hikyaku::io
