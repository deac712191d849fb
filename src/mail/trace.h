#pragma once
#include <string>
#include <string_view>

#include "base/time.h"

namespace hikyaku::mail {

/// What a Received header tells (RFC 5321 s. 4.4). Views need to live only through the call.
struct TraceFacts {
  std::string_view helo;            ///< as the client said it
  std::string_view client_name;     ///< verified host name, or "unknown"
  std::string_view client_address;  ///< "192.0.2.7"; empty: mail of a local user, without a client
  std::string_view tls_protocol;    ///< "TLSv1.3"; empty: no TLS
  std::string_view tls_cipher;
  int tls_bits = 0;
  std::string_view sasl_user;  ///< empty unless it is to be shown (smtpd_sasl_authenticated_header)
  std::string_view by;         ///< myhostname
  std::string_view software;   ///< "Hikyaku"
  std::string_view with;       ///< "ESMTPSA" (RFC 3848)
  std::string_view queue_id;
  std::string_view for_recipient;  ///< the only recipient as it was given; empty: several
  Time time{};
};

/// The header with its folds and its last CRLF. What the client said is made harmless: octets that would end
/// a comment, a line or the header become '?'.
std::string received_header(const TraceFacts& facts);

/// "ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA", "SMTP", "LMTP…" with "UTF8" in front where SMTPUTF8 was asked for
/// (RFC 3848, RFC 6531 s. 4.3).
struct WithProtocol {
  bool extended = false, lmtp = false, tls = false, authenticated = false, utf8 = false;
};
std::string with_protocol(WithProtocol facts);

}  // namespace hikyaku::mail
