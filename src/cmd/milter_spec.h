#pragma once
#include <string_view>

#include "base/result.h"
#include "milter/endpoint.h"

namespace hikyaku::cmd {

/// Reads where a filter listens, as Postfix writes it (inet:HOST:PORT, unix:PATH) or as libmilter and
/// milter-manager do (inet:PORT@HOST, inet6:PORT@[::1], inet:PORT). Fails with Fault::malformed.
Result<milter::Endpoint> parse_milter_spec(std::string_view text);

}  // namespace hikyaku::cmd
