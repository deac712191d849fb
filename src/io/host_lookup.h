#pragma once
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/deadline.h"

namespace hikyaku::io {

struct HostAddress {
  std::string address;
  std::uint16_t port = 0;
  bool operator==(const HostAddress&) const = default;
};
using HostAddresses = Result<std::vector<HostAddress>>;

/// The first eight addresses of a host and the number of a port, by the system's own resolver
/// (getaddrinfo(3)), which blocks: with a DNS that does not answer for as long as resolv.conf(5) says. At
/// least one. Fails with Fault::temporary.
HostAddresses host_addresses(const std::string& host, const std::string& service);

/// Runs `find`, which blocks as host_addresses() does, on threads that are there for nothing else, and waits
/// for it: `limit` at most, and not when the program ends (DeadlineSweep::ending()); then it fails with
/// Fault::temporary. What is not waited for any more holds up neither the end of the program nor, before it
/// has begun, the look-ups behind it; so `find` must own what it needs, and must not throw.
boost::asio::awaitable<HostAddresses> look_up_host(const DeadlineSweep& sweep,
                                                   std::function<HostAddresses()> find,
                                                   std::chrono::seconds limit);

}  // namespace hikyaku::io
