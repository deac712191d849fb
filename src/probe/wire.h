#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hikyaku::probe {

/// What is asked of a handshake. The handshake itself never fails because of whom the peer is: what is wrong
/// with a certificate is told in TlsReport, and judged by the caller.
struct TlsWish {
  std::string server_name;       ///< for SNI, and the name that the certificate should have; empty: none
  int minimum_version = 0x0301;  ///< OpenSSL's numbers: 0x0303 is TLS 1.2
  int maximum_version = 0;       ///< 0: no limit
  std::string cipher_list;       ///< OpenSSL's, for TLS 1.2 and below; empty: the library's
  std::vector<std::string> protocols;  ///< ALPN, in order; empty: none offered
  std::string certificate_file;        ///< of the client, PEM with its chain; empty: none
  std::string key_file;                ///< empty: in certificate_file
  std::string authorities_file;        ///< whom to trust, PEM; empty: the system's
};

/// One certificate of the chain that the peer sent, in its order. Texts of the peer are not escaped.
struct TlsCertificate {
  std::string subject, issuer;                 ///< "CN=mail.example.com, O=Example"
  std::vector<std::string> names;              ///< DNS names and addresses of subjectAltName
  std::int64_t not_before = 0, not_after = 0;  ///< seconds since 1970
  std::string der;                             ///< the certificate, for digests (RFC 6698)
  std::string public_key_der;                  ///< its SubjectPublicKeyInfo
  std::string der_sha256, der_sha512;          ///< digests of `der`, in octets
  std::string key_sha256, key_sha512;          ///< of `public_key_der`
  bool signed_by_next = false;  ///< the next one of the chain has signed it; of the last: itself
  bool is_authority = false;    ///< it may sign others: a CA by its extensions (RFC 5280 s. 4.2.1.9)
};

/// What a handshake agreed on.
struct TlsReport {
  std::string protocol;  ///< "TLSv1.3"
  std::string cipher;    ///< "TLS_AES_256_GCM_SHA384"
  std::string group;     ///< of the key exchange: "X25519"; empty: not told
  int bits = 0;
  std::string application_protocol;  ///< that ALPN agreed on; empty: none
  std::vector<TlsCertificate> chain;
  bool trusted = false;       ///< the chain leads to an authority
  std::string trust_error;    ///< why not; empty when trusted
  bool name_matches = false;  ///< the first certificate has TlsWish::server_name
  bool client_certificate_asked = false;
  /// The stapled OCSP response (RFC 6066 s. 8).
  enum class Staple : unsigned char { none, good, revoked, unknown, unusable };
  Staple staple = Staple::none;
  std::string staple_error;      ///< why it is unusable
  std::string channel_unique;    ///< tls-unique (RFC 5929), below TLS 1.3
  std::string channel_exporter;  ///< tls-exporter (RFC 9266), from TLS 1.3 on
};

/// One connection to a server, in plain text or under TLS, for a thread that may wait. The port that all of
/// probe speaks through: io implements it, tests script it.
class Wire {
 public:
  Wire() = default;
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  virtual ~Wire() = default;

  /// All of it, or Fault::temporary: the peer closed, or took nothing for the time limit of the connection.
  virtual Result<void> send(std::string_view octets) = 0;

  enum class Heard : unsigned char {
    octets,   ///< some were appended
    closed,   ///< the peer ended the stream
    silence,  ///< nothing came within the limit
  };
  /// Appends what the peer sent, at most 64 KiB a call. Fault::temporary: the connection broke.
  virtual Result<Heard> receive(std::string& into, std::chrono::milliseconds limit) = 0;

  /// The handshake. What came before it and was not read by receive() is counted in `injected` and dropped:
  /// anybody may have sent it (RFC 3207 s. 6). Fault::temporary: broken or too slow; Fault::permanent: the
  /// two could not agree, or a file of the wish can't be used.
  virtual Result<TlsReport> start_tls(const TlsWish& wish, std::size_t& injected) = 0;
  virtual bool under_tls() const = 0;

  /// What poll() may wait on while something else, as a terminal, is waited for too; then receive() with no
  /// time until Heard::silence. -1: there is none.
  virtual int descriptor() const { return -1; }

  /// Ends the sending half: the peer reads the end of the stream. With TLS, after close_notify.
  virtual void end_output() = 0;
  /// Closes at once, without a word (--drop-after).
  virtual void abort() = 0;
};

}  // namespace hikyaku::probe
