#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "smtp/sasl.h"

struct Gsasl;
struct Gsasl_session;

namespace hikyaku::io {

struct GsaslSessionEnd {
  void operator()(Gsasl_session* session) const;
};
using GsaslSession = std::unique_ptr<Gsasl_session, GsaslSessionEnd>;

/// Octets of one message of the other side; well over what the standards make.
inline constexpr std::size_t kMostSaslMessage = 4096;

/// One message in, one out. The code is GNU SASL's; `out` is set with GSASL_OK and GSASL_NEEDS_MORE alone.
int gsasl_exchange(Gsasl_session* session, std::string_view in, std::string& out);

/// The client's side of SCRAM (RFC 5802) and CRAM-MD5 (RFC 2195), as GNU SASL does them.
class GsaslClient final : public smtp::SaslClient {
 public:
  /// Fault::not_found: this GNU SASL lacks the mechanism. The client must not outlive `library`.
  static Result<std::unique_ptr<GsaslClient>> begin(Gsasl* library, std::string_view mechanism,
                                                    const std::string& user, const std::string& password);

  std::string_view mechanism() const override { return mechanism_; }
  std::optional<std::string> initial() override;
  Result<std::string> answer(std::string_view challenge) override;
  /// SCRAM's server has not yet proved that it knows the password.
  bool wants_proof() const { return is_scram() && !done_; }
  /// For properties of the mechanism, before the first message.
  Gsasl_session* session() const { return session_.get(); }

 private:
  GsaslClient(std::string mechanism, GsaslSession session)
      : mechanism_(std::move(mechanism)), session_(std::move(session)) {}
  bool is_scram() const { return mechanism_.starts_with("SCRAM-"); }

  std::string mechanism_;
  GsaslSession session_;
  std::optional<std::string> first_;
  bool answered_ = false, done_ = false;
};

}  // namespace hikyaku::io
