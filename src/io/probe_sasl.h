#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "probe/authenticate.h"
#include "probe/wire.h"

struct Gsasl;

namespace hikyaku::io {

/// Every mechanism that probe knows: those of GNU SASL (SCRAM with and without channel binding, CRAM-MD5) and
/// those of our own. Its clients must not outlive it. Not thread-safe.
class ProbeSasl {
 public:
  static Result<std::unique_ptr<ProbeSasl>> open();
  ~ProbeSasl();
  ProbeSasl(const ProbeSasl&) = delete;
  ProbeSasl& operator=(const ProbeSasl&) = delete;

  /// `tls` is the handshake of the connection, for -PLUS; nullptr: there was none. Fault::not_found: we have
  /// no such mechanism; Fault::permanent: it can't be used here, as -PLUS without TLS.
  Result<std::unique_ptr<probe::AuthClient>> client(std::string_view mechanism,
                                                    const probe::Identity& identity,
                                                    const probe::TlsReport* tls, std::string_view host,
                                                    std::uint16_t port);

 private:
  explicit ProbeSasl(Gsasl* context) : context_(context) {}
  Gsasl* context_;
};

}  // namespace hikyaku::io
