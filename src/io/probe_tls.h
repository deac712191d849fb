#pragma once
#include <memory>
#include <string>

#include "base/result.h"
#include "probe/wire.h"

struct ssl_ctx_st;
struct ssl_st;

namespace hikyaku::io {

struct SslContextFree {
  void operator()(ssl_ctx_st* context) const;
};
struct SslFree {
  void operator()(ssl_st* ssl) const;
};

/// The client's side of a handshake that wants to know all and refuses nothing: old versions and weak ciphers
/// are offered unless the wish forbids them, a bad certificate is told of and taken.
struct ProbeTls {
  std::unique_ptr<ssl_ctx_st, SslContextFree> context;
  std::unique_ptr<ssl_st, SslFree> ssl;
  bool certificate_asked = false;
  std::string first_octets;  ///< the first few that the server sent

  /// On a connected descriptor. Fault::permanent: a file or a list of the wish can't be used.
  static Result<std::unique_ptr<ProbeTls>> begin(int descriptor, const probe::TlsWish& wish);
  /// After the handshake. `wish` as for begin().
  probe::TlsReport report(const probe::TlsWish& wish) const;
};

}  // namespace hikyaku::io
