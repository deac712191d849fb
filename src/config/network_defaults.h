#pragma once
#include <span>
#include <string>
#include <string_view>

#include "config/main_cf.h"

namespace hikyaku::config {

/// The default of mynetworks: the interfaces that inet_interfaces names ("all", "loopback-only", or
/// addresses), as mynetworks_style says: "host" their addresses, "subnet" their networks, "class" the A, B or
/// C network of an IPv4 address and the network of an IPv6 one. IPv6 is written [address]/bits. Each once, in
/// order.
std::string default_networks(std::string_view style, std::string_view inet_interfaces,
                             std::span<const Interface> interfaces);

}  // namespace hikyaku::config
