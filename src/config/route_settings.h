#pragma once
#include <span>
#include <string_view>

#include "base/result.h"
#include "config/main_cf.h"
#include "route/destination_search.h"
#include "route/settings.h"
#include "table/ip.h"
#include "table/table.h"

namespace hikyaku::config {

/// Compiles what routes mail, and opens its tables. `machine`: the addresses of the machine's interfaces.
/// Every fault is added to `diagnostics` with its file and line; with any of them the result is an error that
/// names the first. Warns of what can't be meant: "transport:nexthop" in a table or setting of next hops,
/// "@domain" as a key of transport_maps, a relayhost that is no next hop. Routes complete addresses as mail
/// that arrives does.
Result<route::Settings> route_settings(const Main& main, std::span<const table::Ip> machine,
                                       table::Opener& opener, Diagnostics& diagnostics);

/// The limits of the transport `name` of master.cf; `main` is main.cf under its -o overrides, `process_limit`
/// its maxproc field (0: default_process_limit).
route::TransportLimits transport_limits(const Main& main, std::string_view name, std::size_t process_limit);

route::RetrySchedule retry_schedule(const Main& main);

/// smtp_* or lmtp_*: how a transport's client finds hosts.
route::SearchSettings search_settings(const Main& main, std::span<const table::Ip> machine, bool lmtp,
                                      Diagnostics& diagnostics);

}  // namespace hikyaku::config
