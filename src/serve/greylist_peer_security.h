#pragma once
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "greylist/peer_security.h"
#include "io/openssl_keyed_hash.h"
#include "io/stream.h"
#include "io/tls_client.h"
#include "io/tls_server.h"
#include "io/worker_pool.h"

namespace hikyaku::serve {

/// How greylisting peers that are ours are spoken to: under TLS 1.3, with a certificate of each that the
/// other trusts and with a shared secret (greylist/peer_security.h). Certificates are read again when they
/// change.
class GreylistPeerSecurity {
 public:
  struct Settings {
    std::string secret_file;  ///< empty: all peers are spoken to in plain, as milter-greylist does
    std::string certificate_file, key_file, ca_file;  ///< PEM; no key_file: it is in certificate_file
    std::vector<std::string> plain;                   ///< hosts of `peer` lines that are spoken to in plain
  };

  /// Fails where a file can't be used: the error names it. Blocks. Both must outlive it.
  static Result<std::unique_ptr<GreylistPeerSecurity>> make(Settings settings, io::WorkerPool& pool,
                                                            Random& random);

  bool secures(const std::string& host) const;
  const std::vector<std::string>& plain() const { return settings_.plain; }

  /// What one connection to a peer is made with; must outlive it.
  boost::asio::awaitable<Result<std::shared_ptr<io::TlsClient>>> client();
  /// Become sure of who called, or was called, within `limit`. Give what came after, of the peer protocol.
  boost::asio::awaitable<Result<std::string>> call(io::Stream& stream, io::TlsClient& client,
                                                   std::chrono::seconds limit);
  boost::asio::awaitable<Result<std::string>> answer(io::Stream& stream, std::chrono::seconds limit);

 private:
  GreylistPeerSecurity(Settings settings, io::WorkerPool& pool, Random& random)
      : settings_(std::move(settings)), pool_(pool), random_(random) {}
  greylist::PeerSecurity::Keys keys();
  /// `client`: nullptr at the end that listens.
  boost::asio::awaitable<Result<std::string>> talk(io::Stream& stream, greylist::PeerSecurity& end,
                                                   io::TlsClient* client);
  boost::asio::awaitable<Result<void>> shake_hands(io::Stream& stream, io::TlsClient* client);

  const Settings settings_;
  io::WorkerPool& pool_;
  Random& random_;
  const io::OpensslKeyedHash hash_;
  std::string secret_;
  std::unique_ptr<io::TlsServer> server_;
};

}  // namespace hikyaku::serve
