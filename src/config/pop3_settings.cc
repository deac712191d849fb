#include "config/pop3_settings.h"

namespace hikyaku::config {
namespace {

constexpr std::chrono::minutes kShortestTimeout{10};  // RFC 1939 s. 3

}  // namespace

Pop3ServerSettings pop3_server_settings(const Main& main, const SmtpServerSettings& smtp,
                                        Diagnostics& diagnostics) {
  Pop3ServerSettings out;
  auto& session = out.session;
  session.hostname = smtp.session.hostname;
  session.auth_line_limit = smtp.session.auth_line_limit;
  session.error_limit = smtp.session.hard_error_limit;
  session.tls = smtp.session.tls != smtp::ServerSettings::Tls::none;
  session.tls_auth_only = smtp.session.tls_auth_only;
  session.mechanisms = smtp.session.mechanisms;
  session.tls_mechanisms = smtp.session.tls_mechanisms;

  out.timeout = main.duration("hikyaku_pop3_timeout");
  if (out.timeout < kShortestTimeout) {
    diagnostics.warning(main.origin("hikyaku_pop3_timeout"),
                        "hikyaku_pop3_timeout: RFC 1939 gives clients at least ten minutes");
  }
  out.starttls_timeout = smtp.starttls_timeout;
  out.wrapper_mode = smtp.wrapper_mode;
  out.shared = main.boolean("hikyaku_pop3_shared");
  return out;
}

}  // namespace hikyaku::config
