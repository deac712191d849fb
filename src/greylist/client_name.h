#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/dns.h"
#include "table/ip.h"

namespace hikyaku::greylist {

/// "7.2.0.192.in-addr.arpa" (RFC 1035 s. 3.5), or of 32 nibbles under ip6.arpa (RFC 3596 s. 2.5).
std::string reverse_name(const table::Ip& ip);

/// `unbracket`: what the DNS is asked for in place of a name that is an address, "[192.0.2.1]" or
/// "[IPv6:2001:db8::1]". nullopt: it is none.
std::optional<DnsQuestion> unbracket_question(std::string_view name);
/// The name that it said, which nothing has verified; nullopt: none.
std::optional<std::string> unbracketed_name(const DnsAnswer& answer);

}  // namespace hikyaku::greylist
