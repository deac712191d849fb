#pragma once
#include <span>
#include <vector>

#include "base/result.h"
#include "config/main_cf.h"
#include "rewrite/local_aliases.h"
#include "rewrite/settings.h"
#include "table/ip.h"
#include "table/table.h"

namespace hikyaku::config {

/// Our own addresses by inet_interfaces and proxy_interfaces: "all" and "loopback-only" stand for those of
/// `machine`, the addresses of its interfaces. An element that is a host name cannot be known here and is
/// told as a warning.
std::vector<table::Ip> own_addresses(const Main& main, std::span<const table::Ip> machine,
                                     Diagnostics& diagnostics);

/// Compiles what rewrites arriving mail, and opens its tables. Every fault (a misspelled class, a bad list
/// element, a table that can't be opened) is added to `diagnostics` with its file and line; with any of them
/// the result is an error that names the first. `machine` as above.
Result<rewrite::Settings> rewrite_settings(const Main& main, std::span<const table::Ip> machine,
                                           table::Opener& opener, Diagnostics& diagnostics);

/// Whether receive_override_options leave addresses to be mapped.
bool maps_addresses(const Main& main);

/// Which client a transport of master.cf runs: `smtp` reads smtp_generic_maps and smtp_*_checks, `lmtp`
/// lmtp_*.
enum class ClientProtocol : unsigned char { smtp, lmtp };

/// The same for what a transport's client changes on the way out. `main` is main.cf under the -o overrides of
/// the transport's line.
Result<rewrite::OutboundSettings> outbound_settings(const Main& main, ClientProtocol protocol,
                                                    std::span<const table::Ip> machine, table::Opener& opener,
                                                    Diagnostics& diagnostics);

/// What local aliases are governed by. Commands and files are handed out only when allow_mail_to_commands and
/// allow_mail_to_files are written in main.cf and hold "alias": Postfix's defaults would run what a file
/// says.
Result<rewrite::AliasSettings> alias_settings(const Main& main, std::span<const table::Ip> machine,
                                              table::Opener& opener, Diagnostics& diagnostics);

}  // namespace hikyaku::config
