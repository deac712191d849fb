#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "smtp/sasl.h"

struct Gsasl;

namespace hikyaku::io {

class Users;

/// GNU SASL, for the mechanisms that we do not have ourselves. Its exchanges must not outlive it.
/// Thread-safe; an exchange belongs to one thread at a time.
class SaslLibrary {
 public:
  static Result<std::unique_ptr<SaslLibrary>> open();
  ~SaslLibrary();
  SaslLibrary(const SaslLibrary&) = delete;
  SaslLibrary& operator=(const SaslLibrary&) = delete;

  /// The server's side of SCRAM-SHA-256 (RFC 7677) for our users, without channel binding; does not block.
  /// nullptr for other names. `users` must outlive the exchange.
  std::unique_ptr<smtp::SaslExchange> server(std::string_view mechanism, Users& users);

  /// The client's side of SCRAM-SHA-256, SCRAM-SHA-1 (RFC 5802), CRAM-MD5 (RFC 2195), PLAIN or LOGIN; nullptr
  /// for other names, and where this GNU SASL lacks the mechanism.
  std::unique_ptr<smtp::SaslClient> client(std::string_view mechanism, std::string user,
                                           std::string password);

 private:
  explicit SaslLibrary(Gsasl* context) : context_(context) {}
  Gsasl* context_;
};

}  // namespace hikyaku::io
