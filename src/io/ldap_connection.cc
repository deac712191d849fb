#include "io/ldap_connection.h"

namespace hikyaku::io {
namespace {

void set_tls(LDAP* connection, const LdapServer& server) {
  const auto set = [&](int option, const std::string& value) {
    if (!value.empty()) ldap_set_option(connection, option, value.c_str());
  };
  set(LDAP_OPT_X_TLS_CACERTFILE, server.ca_file);
  set(LDAP_OPT_X_TLS_CACERTDIR, server.ca_folder);
  set(LDAP_OPT_X_TLS_CERTFILE, server.certificate);
  set(LDAP_OPT_X_TLS_KEYFILE, server.key);
  set(LDAP_OPT_X_TLS_CIPHER_SUITE, server.ciphers);
  if (server.server_certificate != LdapServer::Certificate::as_configured) {
    const int require = server.server_certificate == LdapServer::Certificate::demanded ? LDAP_OPT_X_TLS_DEMAND
                                                                                       : LDAP_OPT_X_TLS_ALLOW;
    ldap_set_option(connection, LDAP_OPT_X_TLS_REQUIRE_CERT, &require);
  }
  const int client = 0;
  ldap_set_option(connection, LDAP_OPT_X_TLS_NEWCTX, &client);
}

}  // namespace

Result<LdapConnection> ldap_connect(const LdapServer& server, std::string_view name) {
  LDAP* raw = nullptr;
  const auto trouble = [&](const char* what, int code) {
    return fail(Fault::temporary,
                std::string(name) + ": " + what + " " + server.uris + ": " + ldap_err2string(code));
  };
  if (const int code = ldap_initialize(&raw, server.uris.c_str()); code != LDAP_SUCCESS)
    return trouble("connect to", code);
  LdapConnection connection(raw);
  const int version = LDAP_VERSION3;
  const auto patience = ldap_time(server.timeout);
  ldap_set_option(raw, LDAP_OPT_PROTOCOL_VERSION, &version);
  ldap_set_option(raw, LDAP_OPT_NETWORK_TIMEOUT, &patience);
  ldap_set_option(raw, LDAP_OPT_TIMEOUT, &patience);
  ldap_set_option(raw, LDAP_OPT_DEREF, &server.dereference);
  ldap_set_option(raw, LDAP_OPT_REFERRALS, server.chase_referrals ? LDAP_OPT_ON : LDAP_OPT_OFF);
  ldap_set_option(raw, LDAP_OPT_RESTART, LDAP_OPT_ON);
  set_tls(raw, server);
  if (server.start_tls) {
    if (const int code = ldap_start_tls_s(raw, nullptr, nullptr); code != LDAP_SUCCESS)
      return trouble("start TLS with", code);
  }
  if (server.bind) {
    berval password{static_cast<ber_len_t>(server.bind_password.size()),
                    const_cast<char*>(server.bind_password.c_str())};
    const int code =
        ldap_sasl_bind_s(raw, server.bind_dn.c_str(), LDAP_SASL_SIMPLE, &password, nullptr, nullptr, nullptr);
    if (code != LDAP_SUCCESS) return trouble("bind to", code);
  }
  return connection;
}

timeval ldap_time(std::chrono::milliseconds time) {
  return {time.count() / 1000, time.count() % 1000 * 1000};
}

bool ldap_connection_lost(int code) { return code == LDAP_SERVER_DOWN || code == LDAP_CONNECT_ERROR; }

}  // namespace hikyaku::io
