#pragma once
#include <chrono>
#include <string>

#include "base/result.h"
#include "probe/tls_verdict.h"

namespace hikyaku::io {

struct ProbeDnsSettings {
  std::string forward;  ///< a server instead of those of /etc/resolv.conf: "192.0.2.53", "192.0.2.53@5353"
  /// For DNSSEC, of TLSA records; empty: the system's, /usr/share/dns/root.key. An empty file: none is
  /// secure.
  std::string trust_anchor_file;
  std::string authorities_file;           ///< for https, PEM; empty: the system's
  std::chrono::milliseconds limit{5000};  ///< for each question, and for the policy
};

/// Asks the DNS what is to say about the TLS of `host`: its TLSA records on `port`, and the policy of MTA-STS
/// of `domain` (RFC 8461 s. 3), fetched by https without following redirections; an empty domain is not asked
/// about. Blocks. What can't be had is told in the facts.
probe::DnsFacts ask_dns(const ProbeDnsSettings& settings, const std::string& host, std::uint16_t port,
                        const std::string& domain);

}  // namespace hikyaku::io
