#pragma once
#include <string>
#include <vector>

#include "base/result.h"

namespace hikyaku::io {

/// An address of this machine, and the network that it is in.
struct InterfaceAddress {
  std::string address;  ///< "192.0.2.7", "2001:db8::7"; link-local addresses without their zone
  std::string network;  ///< "192.0.2.0/24", "2001:db8::/64"
  bool operator==(const InterfaceAddress&) const = default;
};

/// The addresses of the interfaces that are up, in the system's order, each once: for inet_interfaces and
/// mynetworks. Fails with Fault::temporary.
Result<std::vector<InterfaceAddress>> interface_addresses();

/// The machine's name as it was set; "localhost" when none was.
std::string host_name();

}  // namespace hikyaku::io
