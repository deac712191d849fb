#pragma once
#include <string_view>

namespace hikyaku {

/// Is `name` a host or domain name that mail may have (RFC 5321 s. 2.3.5, RFC 1123 s. 2.1): labels of 1 to 63
/// letters, digits, '-' and '_' with no '-' at either end, at most 255 octets, no dot at the end, and not of
/// digits and dots alone? Octets over 127 count as letters: an internationalised name (RFC 6531 s. 3.3) is
/// taken as it is. Pure.
bool is_hostname(std::string_view name);

}  // namespace hikyaku
