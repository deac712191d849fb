#pragma once
#include <chrono>
#include <memory>
#include <string_view>

#include "table/table.h"

namespace hikyaku::io {

/// How long a lookup at a server may take.
inline constexpr std::chrono::seconds kServerPatience{8};

/// socketmap:inet:host:port:map and socketmap:unix:/path:map. `spec` is the whole, `name` the part after the
/// type, `where` the setting: each answer's origin. Only whole addresses are looked up. A server that does
/// not answer within kServerPatience, that is not there, or that answers with an error, is Fault::temporary.
/// Blocking; thread-safe.
Result<std::shared_ptr<const table::Table>> open_socketmap(std::string_view spec, std::string_view name,
                                                           Origin where);
/// tcp:host:port, in the same ways.
Result<std::shared_ptr<const table::Table>> open_tcp_table(std::string_view spec, std::string_view name,
                                                           Origin where);

}  // namespace hikyaku::io
