#pragma once
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/main_cf.h"
#include "smtp/client_session.h"
#include "smtp/sasl_rules.h"
#include "smtp/server_settings.h"
#include "table/maps.h"
#include "table/match_list.h"
#include "table/table.h"

namespace hikyaku::config {

/// What governs the talk with clients of one service (smtpd of master.cf).
struct SmtpServerSettings {
  smtp::ServerSettings session;
  std::chrono::seconds timeout{300};           ///< for each command and each piece of content (smtpd_timeout)
  std::chrono::seconds starttls_timeout{300};  ///< for the handshake (smtpd_starttls_timeout)
  bool wrapper_mode = false;                   ///< TLS from the first octet (smtpd_tls_wrappermode)
  table::NetworkList xclient_hosts;            ///< smtpd_authorized_xclient_hosts
  table::NetworkList auth_exceptions;  ///< AUTH is not offered to these (smtpd_sasl_exceptions_networks)
  table::Maps discard_maps;            ///< client address -> list for ehlo_keywords()
};

/// Reads them. `mechanisms` is what the users' store (or Dovecot) can do, upper case, in the order in which
/// to offer it. Each fault is added to `diagnostics`; with any of them the result is an error that names the
/// first.
Result<SmtpServerSettings> smtp_server_settings(const Main& main, smtp::Protocol protocol,
                                                const std::vector<std::string>& mechanisms,
                                                table::Opener& opener, Diagnostics& diagnostics);

/// How long the client waits for each step; smtp_*_timeout or lmtp_*_timeout.
struct SmtpClientTimeouts {
  std::chrono::seconds connect{30}, helo{300}, starttls{300}, mail{300}, rcpt{300}, data_init{120},
      data_transfer{180}, data_done{600}, rset{20}, quit{300};
};

/// What governs the talk with servers of one transport (smtp or lmtp of master.cf).
struct SmtpClientSettings {
  /// The talk itself. `tls` is what smtp_tls_security_level asks of any server; `auth` is false, and
  /// loop_name empty: set them for each server.
  smtp::ClientSession::Options session;
  SmtpClientTimeouts timeouts;
  unsigned session_limit = 2;                  ///< smtp_mx_session_limit; 0: none
  std::size_t line_length_limit = 998;         ///< for DataEncoder (smtp_line_length_limit)
  bool connection_cache = true;                ///< smtp_connection_cache_on_demand
  unsigned reuse_count_limit = 0;              ///< messages a connection, 0: no limit
  std::chrono::seconds reuse_time_limit{300};  ///< from its begin
  std::chrono::seconds cache_time_limit{2};    ///< how long it may be idle

  bool auth = false;                      ///< smtp_sasl_auth_enable
  bool sender_dependent_auth = false;     ///< smtp_sender_dependent_authentication
  bool auth_failure_is_temporary = true;  ///< smtp_sasl_auth_soft_bounce
  table::Maps passwords;                  ///< smtp_sasl_password_maps
  /// Which mechanisms may be used without TLS, and with it, unverified and verified.
  smtp::SaslRules sasl_rules, sasl_tls_rules, sasl_verified_rules;
  table::Maps discard_maps;  ///< server address -> list for ehlo_keywords()
};

Result<SmtpClientSettings> smtp_client_settings(const Main& main, smtp::Protocol protocol,
                                                table::Opener& opener, Diagnostics& diagnostics);

/// "dsn, starttls": the words of smtpd_discard_ehlo_keywords and its maps. Words that are no keyword of ours
/// are left out.
smtp::EhloKeywords ehlo_keywords(std::string_view words);

/// "none" never, "may" when offered, anything stronger required; "" never.
smtp::ClientSession::Options::Tls client_tls(std::string_view level);

}  // namespace hikyaku::config
