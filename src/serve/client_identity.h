#pragma once
#include <optional>
#include <string>
#include <vector>

#include "io/stream.h"
#include "policy/facts.h"
#include "rewrite/client.h"
#include "smtp/server_session.h"

namespace hikyaku::serve {

/// Who is at the other end of a connection, as far as it is known by now.
struct ClientIdentity {
  std::string address;  ///< "192.0.2.7"; empty when the connection was gone before it was asked
  std::uint16_t port = 0;
  std::string name = "unknown";  ///< verified
  policy::NameStatus name_status = policy::NameStatus::unknown;
  std::string reverse_name = "unknown";  ///< not verified
  policy::NameStatus reverse_status = policy::NameStatus::unknown;
  std::string helo;
  std::string sasl_method, sasl_user;
  std::optional<io::TlsFacts> tls;

  static ClientIdentity of(const io::Stream& stream);
  /// "mail.example.com[192.0.2.7]", escaped
  std::string text() const;
  /// What the client said before a handshake does not count after it (RFC 3207 s. 4.2).
  void forget_session() {
    helo.clear();
    sasl_method.clear();
    sasl_user.clear();
  }
  /// Views into this object.
  policy::Client policy_facts() const;
  rewrite::ClientFacts rewrite_facts() const;
  /// Takes the place of the real client by a trusted peer's XCLIENT. A refusal: a value makes no sense.
  std::optional<smtp::Reply> override_by(
      const std::vector<smtp::ServerSession::Xclient::Attribute>& attributes);
};

}  // namespace hikyaku::serve
