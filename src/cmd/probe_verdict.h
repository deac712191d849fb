#pragma once
#include <string>
#include <vector>

#include "cmd/probe_options.h"
#include "io/probe_wire.h"
#include "probe/opening.h"
#include "probe/tls_verdict.h"

namespace hikyaku::cmd {

/// Whether MTA-STS has policies for servers of this protocol (RFC 8461 s. 1).
bool has_policy(const probe::Protocol& protocol);

/// The verdict on the TLS of a conversation that is open; with what the DNS says of the host and of
/// `domain`, unless the options forbid to ask. Without a domain the host itself and the one above it are
/// asked for a policy. Blocks.
std::vector<probe::Finding> tls_verdict(const ProbeOptions& options, const probe::Protocol& protocol,
                                        const io::ProbeTarget& target, const probe::Opening& opening,
                                        const std::string& name, const std::string& domain);

}  // namespace hikyaku::cmd
