#pragma once
#include <memory>

#include "base/result.h"
#include "base/tls_parameters.h"

struct ssl_st;

namespace hikyaku::io {

/// Hands out the server's side of handshakes. Certificates are read again by refresh(), without a restart;
/// connections go on with what they began with. Thread-safe; outlives its connections.
class TlsServer {
 public:
  /// Fails when a certificate, a key or a list of ciphers can't be used: the error names the file and the
  /// reason.
  static Result<std::unique_ptr<TlsServer>> make(TlsServerParameters parameters);
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  /// A new SSL on the descriptor, in the caller's ownership; null only when memory is short.
  ssl_st* begin(int descriptor);
  /// Reads the files again when one of them has changed; true when it did. With an error the old certificates
  /// stay, and the error comes once. Call it every few seconds from a thread that may block.
  Result<bool> refresh();

 private:
  struct State;
  explicit TlsServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hikyaku::io
