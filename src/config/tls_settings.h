#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/explanation.h"
#include "base/origin.h"
#include "base/result.h"
#include "base/tls_parameters.h"
#include "config/main_cf.h"
#include "smtp/client_session.h"
#include "smtp/server_settings.h"
#include "table/maps.h"
#include "table/table.h"

namespace hikyaku::config {

/// Reads "*_tls_protocols": ">=TLSv1.2, <=TLSv1.3", or the older "!SSLv2, !TLSv1" and "TLSv1.2 TLSv1.3".
/// Nothing below TLS 1.2 is ever allowed: a setting that asks for it is raised. Fails with Fault::malformed
/// for unknown names, and when nothing is left. Pure.
Result<TlsVersions> parse_tls_versions(std::string_view text);

/// The server's side: smtpd_tls_* as one service sees them. The files and the handshake are in the base.
struct TlsServerSettings : TlsServerParameters {
  smtp::ServerSettings::Tls level = smtp::ServerSettings::Tls::none;  ///< smtpd_tls_security_level
  bool wrapper_mode = false;                                          ///< smtpd_tls_wrappermode
  bool received_header = false;                                       ///< smtpd_tls_received_header
  int log_level = 0;                                                  ///< smtpd_tls_loglevel
  Origin origin;  ///< of the certificate's setting, or else of the level
  bool enabled() const { return level != smtp::ServerSettings::Tls::none || wrapper_mode; }
};

/// What is wrong goes to `diagnostics`: unknown levels, protocols and grades, TLS without a certificate.
TlsServerSettings tls_server_settings(const Main& main, table::Opener& opener, Diagnostics& diagnostics);

/// What all client connections of one transport share: smtp_tls_* or lmtp_tls_*.
struct TlsClientSettings : TlsParameters {
  bool wrapper_mode = false;  ///< smtp_tls_wrappermode: TLS from the first octet
  int log_level = 0;
};

/// Whether and how one destination is spoken to under TLS: smtp_tls_security_level, smtp_tls_policy_maps and
/// what belongs to them. Immutable, thread-safe.
class TlsClientPolicy {
 public:
  enum class Level : unsigned char { none, may, encrypt, fingerprint, verify, secure };

  struct Decision {
    Level level = Level::none;
    smtp::ClientSession::Options::Tls use = smtp::ClientSession::Options::Tls::never;
    /// The certificate must be trusted and have one of `names`, or the handshake is no good (verify, secure).
    bool verify = false;
    std::vector<std::string> names;         ///< ".example.com": any name below
    std::vector<std::string> fingerprints;  ///< "AB:CD:…" of the certificate or its key (fingerprint)
    std::string server_name;                ///< for SNI; empty: none sent
    TlsVersions versions;
    std::string cipher_list;
    Origin origin;  ///< the table line or the setting that decided
  };

  /// For one next hop as the router names it ("example.com", "[mx.example.com]:587") and one of its hosts
  /// ("mx.example.com"). Adds "route.tls_policy" to `why` unless it is null. Fails with Fault::temporary when
  /// the table can't answer, and with Fault::malformed for a policy that is none: mail must wait then, not go
  /// in the clear.
  Result<Decision> decide(std::string_view next_hop, std::string_view host, Explanation* why) const;
  /// There is a level other than none, or a table: a client is needed.
  bool enabled() const { return level_ != Level::none || !maps_.empty(); }

 private:
  friend class TlsReader;
  /// For a level: opportunistic or mandatory.
  struct Terms {
    TlsVersions versions;
    std::string grade = "medium";
    std::vector<std::string> exclude;
  };
  /// What the table, or the settings, say of one destination.
  struct Policy {
    Level level = Level::none;
    std::string rule;
    Origin origin;
    std::optional<std::vector<std::string>> match;
    std::optional<TlsVersions> versions;
    std::optional<std::string> grade, server_name;
    std::optional<std::vector<std::string>> exclude;
  };
  Result<Policy> look_up(std::string_view next_hop, KeyTrail& keys) const;
  Result<Policy> parse_policy(const table::Found& found) const;
  Result<void> parse_attribute(std::string_view attribute, Policy& policy) const;
  Result<Decision> decide_by(const Policy& policy, std::string_view next_hop, std::string_view host) const;

  Level level_ = Level::none;
  Origin level_origin_;
  std::string prefix_ = "smtp";
  table::Maps maps_;
  std::vector<std::string> verify_match_, secure_match_, fingerprints_;
  std::string server_name_;
  Terms may_, mandatory_;
  std::map<std::string, std::string, std::less<>> grades_;  // "high" -> OpenSSL's list
};

/// "none", "may", "encrypt", ...
std::string_view text(TlsClientPolicy::Level level);

/// `prefix` is "smtp" or "lmtp".
struct TlsClientConfiguration {
  TlsClientSettings settings;
  TlsClientPolicy policy;
};
TlsClientConfiguration tls_client_settings(const Main& main, std::string_view prefix, table::Opener& opener,
                                           Diagnostics& diagnostics);

}  // namespace hikyaku::config
