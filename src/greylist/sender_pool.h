#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "greylist/facts.h"
#include "greylist/spf.h"
#include "table/ip.h"

namespace hikyaku::greylist {

/// Who many addresses send for: the first part of a tuple, so that a provider that tries again from another
/// machine is met again, and no list of such providers is kept by hand. In this order, the first that is
/// known:
/// - "spf:a.example": the sender's domain, whose SPF record lets the client send for it;
/// - "dns:provider.example": the registered domain of the client's name, where the DNS has confirmed the name
///   and it is not one that is made of the address, as those of users' lines are;
/// - "asn:64500": the network operator of the address, unless its name is made of the address.
/// Empty: the client's network alone counts. Pure.
std::string sender_pool(const Facts& facts, const std::optional<SpfResult>& spf);

/// Whether a host's name tells its address, in parts or whole, in decimal or hexadecimal digits:
/// "host-192-0-2-7.isp.example", "c0000207.dsl.example".
bool names_its_address(std::string_view name, const table::Ip& address);

}  // namespace hikyaku::greylist
