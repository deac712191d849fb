#pragma once
#include <string>

#include "base/result.h"
#include "cmd/command_line.h"
#include "io/probe_wire.h"
#include "probe/opening.h"
#include "probe/protocol.h"

namespace hikyaku::cmd {

/// Where to connect to and how: what all that probe does has in common. As given on the command line.
struct ProbeOptions {
  std::string protocol_name, place_text;
  std::string starttls = "auto";
  bool tls = false, tls_verify = false;
  std::string tls_version, tls_cipher, tls_ca, tls_certificate, tls_key, alpn;
  std::string server_name;
  bool ipv4 = false, ipv6 = false;
  std::string local_address;
  unsigned timeout = 30;  ///< seconds
  std::string client_name;
  bool show_secrets = false, as_json = false, show_time = false, no_dns = false;
  std::string resolver;      ///< a server of DNS instead of the system's
  std::string trust_anchor;  ///< a file of keys for DNSSEC instead of the system's

  /// Adds all of them to a command.
  void add_to(CommandLine& line);
  Result<const probe::Protocol*> protocol() const;
  /// Where to: the protocol's own port unless one was named.
  Result<io::ProbeTarget> target(const probe::Protocol& protocol) const;
  Result<probe::OpeningWish> wish(const probe::Protocol& protocol, const io::ProbeTarget& target) const;
};

/// OpenSSL's numbers of "1.0", "1.1", "1.2", "1.3": the only one ("1.2"), the lowest ("1.2-") or the highest
/// ("-1.2"). Fault::malformed.
Result<void> use_tls_version(std::string_view text, probe::TlsWish& wish);

/// The exit code for an error of a conversation: EX_NOHOST, EX_TEMPFAIL, EX_DATAERR or EX_UNAVAILABLE.
int probe_exit_code(const Error& error);

}  // namespace hikyaku::cmd
