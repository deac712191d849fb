#pragma once
#include <string>
#include <string_view>

#include "greylist/spf.h"

namespace hikyaku::greylist {

/// The value of a Received-SPF header (RFC 7208 s. 9.1): `pass (host: domain of a@example.org permits
/// 192.0.2.1) client-ip=192.0.2.1; ...`. Before each key stands `fold`: " " for a log, "\n\t" or "\r\n\t" for
/// a header whose lines are within RFC 5322's 998 octets. What the client said, and what its domain's record
/// says, is made harmless: at most 255 octets each, and '?' for all that is not printable ASCII.
std::string received_spf(const SpfRequest& request, const SpfResult& result, std::string_view fold);

}  // namespace hikyaku::greylist
