#include "serve/client_macros.h"

namespace hikyaku::serve {
namespace {

const char* client_resolution(const ClientIdentity& client) {
  switch (client.name_status) {
    case policy::NameStatus::ok:
      return "OK";
    case policy::NameStatus::forged:
      return "FORGED";
    case policy::NameStatus::temporary:
      return "TEMP";
    case policy::NameStatus::unknown:
      break;
  }
  return "FAIL";
}

}  // namespace

void set_client_macros(milter::MacroTable& macros, const ClientIdentity& client, std::size_t connections,
                       const std::string& local_address, std::uint16_t local_port) {
  auto both = client.reverse_name + " [" + client.address + "]";
  if (client.name != client.reverse_name) both += " (may be forged)";
  const bool v6 = client.address.find(':') != std::string::npos;
  macros.set("_", both);
  macros.set("{client_addr}", (v6 ? "IPv6:" : "") + client.address);
  macros.set("{client_connections}", std::to_string(connections));
  macros.set("{client_name}", client.name);
  macros.set("{client_port}", std::to_string(client.port));
  macros.set("{client_ptr}", client.reverse_name);
  macros.set("{client_resolve}", client_resolution(client));
  macros.set("{daemon_addr}", local_address);
  macros.set("{daemon_port}", std::to_string(local_port));
}

void set_session_macros(milter::MacroTable& macros, const ClientIdentity& client) {
  if (client.tls) {
    macros.set("{tls_version}", client.tls->protocol);
    macros.set("{cipher}", client.tls->cipher);
    macros.set("{cipher_bits}", std::to_string(client.tls->bits));
    if (!client.tls->peer_fingerprint.empty()) {
      macros.set("{cert_subject}", client.tls->peer_name);
      macros.set("{cert_issuer}", client.tls->peer_issuer);
    }
  }
  if (!client.sasl_user.empty()) {
    macros.set("{auth_type}", client.sasl_method);
    macros.set("{auth_authen}", client.sasl_user);
  }
}

}  // namespace hikyaku::serve
