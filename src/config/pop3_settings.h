#pragma once
#include <chrono>

#include "access/pop3_settings.h"
#include "config/diagnostic.h"
#include "config/main_cf.h"
#include "config/smtp_settings.h"

namespace hikyaku::config {

/// What governs one POP3 service (pop3 of master.cf).
struct Pop3ServerSettings {
  access::Pop3Settings session;
  std::chrono::seconds timeout{600};  ///< for each command and each piece sent (hikyaku_pop3_timeout)
  std::chrono::seconds starttls_timeout{300};  ///< for the handshake (smtpd_starttls_timeout)
  bool wrapper_mode = false;                   ///< TLS from the first octet (smtpd_tls_wrappermode)
  bool shared = false;  ///< several sessions may have a mailbox at a time (hikyaku_pop3_shared)
};

/// Reads them. TLS, mechanisms and limits are those of the SMTP server, `smtp`, as the service sees them:
/// smtpd_sasl_auth_enable alone has no say, for without a login there is no POP3.
Pop3ServerSettings pop3_server_settings(const Main& main, const SmtpServerSettings& smtp,
                                        Diagnostics& diagnostics);

}  // namespace hikyaku::config
