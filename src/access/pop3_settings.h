#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace hikyaku::access {

/// What governs a service's POP3 sessions. Shared by all sessions of the service, never changed.
struct Pop3Settings {
  std::string hostname = "localhost";  ///< in the greeting (myhostname)

  std::size_t line_limit = 255;         ///< octets of a command with its CRLF (RFC 2449 s. 4)
  std::size_t auth_line_limit = 12288;  ///< of an answer in an AUTH exchange (smtpd_sasl_response_limit)
  unsigned error_limit = 20;   ///< after so many bad commands and failed logins the session ends; at least 1
  std::size_t piece = 65536;   ///< octets of a message that are asked for at a time; at least 1
  std::size_t output = 65536;  ///< octets to be sent that may gather before Send

  bool tls = false;            ///< STLS is offered (RFC 2595)
  bool tls_auth_only = false;  ///< nobody logs in without TLS
  /// The SASL mechanisms to offer, upper case, without and with TLS, in order. USER and PASS are taken where
  /// PLAIN or LOGIN is.
  std::vector<std::string> mechanisms, tls_mechanisms;
};

}  // namespace hikyaku::access
