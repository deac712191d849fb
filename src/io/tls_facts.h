#pragma once
#include <string>

struct ssl_st;

namespace hikyaku::io {

/// What a handshake agreed on, for Received headers, logs and explanations. Texts of the peer are not
/// escaped.
struct TlsFacts {
  std::string protocol;  ///< "TLSv1.3"
  std::string cipher;    ///< "TLS_AES_256_GCM_SHA384"
  int bits = 0;
  bool resumed = false;
  std::string sni;               ///< the name that the client asked for
  std::string peer_name;         ///< CN of the peer's certificate; empty without one
  std::string peer_issuer;       ///< CN of who signed it
  std::string peer_fingerprint;  ///< SHA-256 of the certificate, "AB:CD:…"; empty without one
  std::string peer_public_key_fingerprint;
  bool verified = false;     ///< the peer's chain leads to a trusted CA
  bool matched = false;      ///< and, for a client, the certificate's name is one of those expected
  std::string verify_error;  ///< why not verified; empty without a certificate
};

/// What the handshake on `ssl` agreed on.
TlsFacts tls_facts(ssl_st* ssl);

}  // namespace hikyaku::io
