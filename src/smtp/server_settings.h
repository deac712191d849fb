#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hikyaku::smtp {

enum class Protocol : unsigned char { smtp, lmtp };  ///< submission is smtp

/// A set of EHLO keywords, for smtpd_discard_ehlo_keywords and its like.
struct EhloKeywords {
  static constexpr std::uint16_t kPipelining = 1, kSize = 2, kEtrn = 4, kStartTls = 8, kAuth = 16, kVrfy = 32,
                                 kEnhancedStatusCodes = 64, kEightBitMime = 128, kDsn = 256, kSmtpUtf8 = 512,
                                 kChunking = 1024, kXclient = 2048, kSilentDiscard = 4096;
  std::uint16_t bits = 0;
  bool has(std::uint16_t one) const { return (bits & one) != 0; }
  /// The bit of a keyword in any case ("8bitmime", "silent-discard"); 0 for one that we don't know.
  static std::uint16_t bit(std::string_view keyword);
};

/// What governs a service's server sessions: the smtpd_* settings of main.cf that concern the talk itself.
/// Names in brackets are those of Postfix. Shared by all sessions of the service, never changed.
struct ServerSettings {
  Protocol protocol = Protocol::smtp;
  std::string hostname = "localhost";              ///< myhostname: in the EHLO answer and in some replies
  std::string banner = "localhost ESMTP Hikyaku";  ///< behind the "220 " (smtpd_banner)

  std::uint64_t message_size_limit = 10240000;   ///< octets of content, 0: none (message_size_limit)
  std::size_t line_limit = 2048;                 ///< octets of a command line, 512..65536 (line_length_limit)
  std::size_t auth_line_limit = 12288;           ///< of AUTH and its answers (smtpd_sasl_response_limit)
  std::size_t recipient_limit = 1000;            ///< of one message (smtpd_recipient_limit)
  std::size_t recipient_overshoot_limit = 1000;  ///< refused ones beyond it that are no error yet

  unsigned soft_error_limit = 10;       ///< after so many errors each reply waits (smtpd_soft_error_limit)
  unsigned hard_error_limit = 20;       ///< after so many the session ends (smtpd_hard_error_limit)
  unsigned junk_command_limit = 100;    ///< NOOP, VRFY, ETRN, RSET without mail; more count as errors
  std::chrono::seconds error_sleep{1};  ///< smtpd_error_sleep_time
  bool soft_bounce = false;             ///< each reply of 5xx is told as one of 4xx (soft_bounce)

  bool helo_required = false;     ///< smtpd_helo_required
  bool strict_envelopes = false;  ///< strict_rfc821_envelopes
  bool vrfy = true;               ///< not disable_vrfy_command
  bool smtputf8 = true;           ///< smtputf8_enable
  bool strict_smtputf8 = false;   ///< UTF-8 addresses need the SMTPUTF8 parameter (strict_smtputf8)

  enum class Tls : unsigned char { none, may, encrypt };
  Tls tls = Tls::none;  ///< STARTTLS is offered, or required before MAIL (smtpd_tls_security_level)

  bool auth = false;                 ///< smtpd_sasl_auth_enable
  bool tls_auth_only = false;        ///< smtpd_tls_auth_only; implied by Tls::encrypt
  bool broken_auth_clients = false;  ///< also "AUTH=PLAIN LOGIN" (broken_sasl_auth_clients)
  /// The mechanisms to offer, upper case, without and with TLS, in order. What the users' store or Dovecot
  /// can do, less what smtpd_sasl_security_options, smtpd_sasl_tls_security_options and
  /// smtpd_sasl_mechanism_filter forbid. Without any, AUTH is not offered.
  std::vector<std::string> mechanisms, tls_mechanisms;

  EhloKeywords discard;                    ///< smtpd_discard_ehlo_keywords
  std::vector<std::string> noop_commands;  ///< upper case (smtpd_noop_commands)
  std::vector<std::string> forbidden_commands{"CONNECT", "GET",
                                              "POST"};  ///< upper case (smtpd_forbidden_commands)
  /// Is a line forbidden that begins with this word? The tables of smtpd_forbidden_commands; may be empty.
  std::function<bool(std::string_view)> forbidden_pattern;
};

}  // namespace hikyaku::smtp
