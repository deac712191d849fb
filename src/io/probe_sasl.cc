#include "io/probe_sasl.h"

#include <gsasl.h>

#include <utility>

#include "base/base64.h"
#include "io/gsasl_client.h"
#include "io/password.h"

namespace hikyaku::io {
namespace {

using probe::AuthClient;
using probe::Identity;

/// PLAIN and LOGIN, which smtp has.
class PasswordClient final : public AuthClient {
 public:
  explicit PasswordClient(std::unique_ptr<smtp::SaslClient> client) : client_(std::move(client)) {}
  std::string_view mechanism() const override { return client_->mechanism(); }
  std::optional<std::string> initial() override { return client_->initial(); }
  Result<std::string> answer(std::string_view challenge) override { return client_->answer(challenge); }

 private:
  std::unique_ptr<smtp::SaslClient> client_;
};

/// PLAIN for somebody else (RFC 4616 s. 2).
class PlainClient final : public AuthClient {
 public:
  explicit PlainClient(const Identity& identity) : message_(identity.authorize_as) {
    message_ += '\0';
    message_ += identity.user;
    message_ += '\0';
    message_ += identity.password;
  }
  PlainClient(const PlainClient&) = delete;
  PlainClient& operator=(const PlainClient&) = delete;
  ~PlainClient() override { wipe(message_); }
  std::string_view mechanism() const override { return "PLAIN"; }
  std::optional<std::string> initial() override { return message_; }
  Result<std::string> answer(std::string_view challenge) override {
    if (challenge.empty()) return message_;
    return fail(Fault::malformed, "AUTH PLAIN: the server makes a challenge, which PLAIN has none of");
  }

 private:
  std::string message_;
};

/// SCRAM and CRAM-MD5.
class LibraryClient final : public AuthClient {
 public:
  explicit LibraryClient(std::unique_ptr<GsaslClient> client) : client_(std::move(client)) {}
  std::string_view mechanism() const override { return client_->mechanism(); }
  bool wants_proof() const override { return client_->wants_proof(); }
  std::optional<std::string> initial() override { return client_->initial(); }
  Result<std::string> answer(std::string_view challenge) override { return client_->answer(challenge); }

 private:
  std::unique_ptr<GsaslClient> client_;
};

std::unexpected<Error> unusable(std::string_view mechanism, const std::string& why) {
  return fail(Fault::permanent, std::string(mechanism) + " can't be used here: " + why);
}

/// What ties the exchange to the TLS connection that it runs in (RFC 5802 s. 6, RFC 9266).
Result<void> bind_channel(Gsasl_session* session, std::string_view mechanism, const probe::TlsReport* tls) {
  if (tls == nullptr) return unusable(mechanism, "there is no TLS to bind it to");
  const bool exporter = !tls->channel_exporter.empty();
  const auto& data = exporter ? tls->channel_exporter : tls->channel_unique;
  if (data.empty()) return unusable(mechanism, "this TLS connection has no channel binding");
  const auto property = exporter ? GSASL_CB_TLS_EXPORTER : GSASL_CB_TLS_UNIQUE;
  if (gsasl_property_set(session, property, base64_encode(data).c_str()) != GSASL_OK)
    return unusable(mechanism, "memory is short");
  return {};
}

}  // namespace

Result<std::unique_ptr<ProbeSasl>> ProbeSasl::open() {
  Gsasl* context = nullptr;
  if (const int code = gsasl_init(&context); code != GSASL_OK)
    return fail(Fault::permanent, std::string("GNU SASL can't be used: ") + gsasl_strerror(code));
  return std::unique_ptr<ProbeSasl>(new ProbeSasl(context));
}

ProbeSasl::~ProbeSasl() { gsasl_done(context_); }

Result<std::unique_ptr<AuthClient>> ProbeSasl::client(std::string_view mechanism, const Identity& identity,
                                                      const probe::TlsReport* tls, std::string_view host,
                                                      std::uint16_t port) {
  if (mechanism == "PLAIN") return std::make_unique<PlainClient>(identity);
  if (mechanism == "LOGIN")
    return std::make_unique<PasswordClient>(
        smtp::make_password_client(mechanism, identity.user, identity.password));
  if (auto made = probe::make_token_client(mechanism, identity, host, port)) return made;
  if (mechanism != "CRAM-MD5" && !mechanism.starts_with("SCRAM-SHA-"))
    return fail(Fault::not_found, "we have no mechanism \"" + std::string(mechanism) + '"');
  auto made = GsaslClient::begin(context_, mechanism, identity.user, identity.password);
  if (!made) return std::unexpected(std::move(made.error()));
  auto* session = (*made)->session();
  if (!identity.authorize_as.empty() &&
      gsasl_property_set(session, GSASL_AUTHZID, identity.authorize_as.c_str()) != GSASL_OK)
    return unusable(mechanism, "memory is short");
  if (mechanism.ends_with("-PLUS")) {
    if (auto bound = bind_channel(session, mechanism, tls); !bound) return std::unexpected(bound.error());
  }
  return std::make_unique<LibraryClient>(*std::move(made));
}

}  // namespace hikyaku::io
