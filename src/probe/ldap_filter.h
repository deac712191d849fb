#pragma once
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::probe {

/// A search filter as people write it (RFC 4515) in BER (RFC 4511 s. 4.5.1.7): & | ! = ~= >= <= and *, with
/// octets as \XX. Extensible matches (:=) are not there. Fault::malformed. At most 20 levels deep, 64 KiB
/// long. Pure.
Result<std::string> ldap_filter(std::string_view text);

}  // namespace hikyaku::probe
