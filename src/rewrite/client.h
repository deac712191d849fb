#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/explanation.h"
#include "rewrite/settings.h"

namespace hikyaku::rewrite {

/// What is known of the client when a message begins. The views must live through the call only.
struct ClientFacts {
  std::string_view address;  ///< "192.0.2.7", "2001:db8::1", no brackets; empty: local submission (sendmail)
  std::string_view name;     ///< verified host name, or "unknown"
  std::string_view sasl_user;                    ///< empty: not authenticated
  bool tls_verified = false;                     ///< the client showed a certificate that a trusted CA signed
  std::string_view tls_certificate_fingerprint;  ///< "AB:CD:..."; empty: no certificate
  std::string_view tls_public_key_fingerprint;
};

/// In which way the headers of one message are rewritten; fixed when the message begins and kept with it.
struct HeaderContext {
  enum class Kind : std::uint8_t {
    local,   ///< short addresses are completed with $myorigin, maps apply, missing headers are added
    remote,  ///< the same, completed with remote_header_rewrite_domain
    none,    ///< headers stay as they are
  };
  Kind kind = Kind::none;
  std::string client;  ///< its address, for explanations
  bool rewrites() const { return kind != Kind::none; }
};

/// Decides it by local_header_rewrite_clients. A list: the first element that fits makes the client local.
/// Adds an entry "rewrite.header_context" for each element that was looked at, and one when the list is
/// empty. A table that can't answer fails with Fault::temporary: answer 451 4.3.0. Pure.
Result<HeaderContext> header_context(const Settings& settings, const ClientFacts& client, Explanation& why);

}  // namespace hikyaku::rewrite
