#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/tls_parameters.h"
#include "io/tls_facts.h"

struct ssl_st;

namespace hikyaku::io {

/// Whom a handshake is with, and what is asked of it.
struct TlsPeer {
  std::string server_name;         ///< for SNI; empty: none sent
  std::string session_key;         ///< sessions are resumed between peers with the same key; empty: never
  bool verify = false;             ///< the chain must be trusted and a name match, or the handshake fails
  std::vector<std::string> names;  ///< one of which the certificate must have; ".example.com" any below
  int minimum_version = 0x0303;
  int maximum_version = 0;  ///< 0: no limit
  std::string cipher_list;  ///< OpenSSL's, for TLS 1.2; empty: the client's
};

/// Hands out the client's side of handshakes, and keeps a bounded number of sessions for resumption.
/// Thread-safe; outlives its connections.
class TlsClient {
 public:
  static constexpr std::size_t kMostSessions = 1000;

  /// Fails when a file or a list of ciphers can't be used: the error names it and the reason.
  static Result<std::unique_ptr<TlsClient>> make(TlsParameters parameters);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  /// A new SSL on the descriptor, in the caller's ownership; null only when memory is short.
  Result<ssl_st*> begin(int descriptor, const TlsPeer& peer);
  /// After the handshake: compares the certificate's names into `facts`. Fails with Fault::temporary when
  /// peer.verify asks for more than there is.
  Result<void> finish(ssl_st* ssl, const TlsPeer& peer, TlsFacts& facts);
  std::size_t sessions() const;

 private:
  struct State;
  explicit TlsClient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hikyaku::io
