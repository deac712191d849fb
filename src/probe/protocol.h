#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::probe {

/// What is spoken, whatever the port and whether under TLS.
enum class Speech : unsigned char { smtp, lmtp, imap, pop3, sieve, ldap, ftp, http };

/// A protocol by the name that people call it.
struct Protocol {
  std::string_view name;  ///< "submission"
  Speech speech;
  std::uint16_t port;  ///< that IANA gave it
  bool tls_at_once;    ///< the handshake comes before the first word
};

/// smtp submission smtps lmtp imap imaps pop3 pop3s sieve ldap ldaps ftp ftps http https.
std::span<const Protocol> protocols();
/// nullptr: there is none of this name. Upper and lower case are one.
const Protocol* find_protocol(std::string_view name);

/// Where a server is, as typed: "HOST", "HOST:PORT", "192.0.2.1:25", "[2001:db8::1]:25", "2001:db8::1" and
/// "unix:/path".
struct Place {
  std::string host;                   ///< without brackets; empty for a path
  std::optional<std::uint16_t> port;  ///< 1..65535
  std::string path;                   ///< of a Unix socket
  /// Fault::malformed. Pure.
  static Result<Place> parse(std::string_view text);
};

}  // namespace hikyaku::probe
