#pragma once
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hikyaku {

/// A private key and its certificate chain, in PEM: one file each, or one file for both (then key_file is
/// empty).
struct TlsIdentity {
  std::string certificate_file, key_file;
  bool operator==(const TlsIdentity&) const = default;
};

/// The lowest and the highest protocol allowed, as OpenSSL numbers them (0x0303 is TLS 1.2); 0: no limit.
struct TlsVersions {
  int minimum = 0x0303;
  int maximum = 0;
  bool operator==(const TlsVersions&) const = default;
};

/// What TLS needs on either side. The configuration reads it, io works with it.
struct TlsParameters {
  /// PEM files that together hold keys, each followed by its certificate chain (smtpd_tls_chain_files).
  std::vector<std::string> chain_files;
  std::vector<TlsIdentity> identities;  ///< not used when there are chain_files
  std::string ca_file, ca_path;         ///< CAs to trust; CApath is a folder in OpenSSL's hashed form
  bool system_cas = false;              ///< the system's as well (tls_append_default_CA)
  TlsVersions versions;
  std::string cipher_list;  ///< OpenSSL's, for TLS 1.2; empty: OpenSSL's default
  std::string groups;       ///< OpenSSL's list for key exchange; empty: OpenSSL's default
};

struct TlsServerParameters : TlsParameters {
  bool ask_client_certificate = false, require_client_certificate = false;
  bool prefer_server_ciphers = false;  ///< tls_preempt_cipherlist
  bool session_tickets = true;
  std::chrono::seconds session_lifetime{3600};
  /// The chain files for a name that a client asks for (SNI), separated by commas or blanks; empty when there
  /// are none of its own. Not set: one certificate for all names. Thread-safe; may read tables.
  std::function<Result<std::optional<std::string>>(std::string_view name)> chain_files_for;
};

}  // namespace hikyaku
