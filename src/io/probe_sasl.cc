#include "io/probe_sasl.h"

#include <gsasl.h>

#include <utility>

#include "base/base64.h"
#include "io/password.h"

namespace hikyaku::io {
namespace {

using probe::AuthClient;
using probe::Identity;

constexpr std::size_t kMostMessage = 4096;  // octets of one message of the server

struct SessionEnd {
  void operator()(Gsasl_session* session) const { gsasl_finish(session); }
};
using Session = std::unique_ptr<Gsasl_session, SessionEnd>;

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

/// SCRAM and CRAM-MD5 as GNU SASL does them.
class LibraryClient final : public AuthClient {
 public:
  LibraryClient(std::string mechanism, Session session)
      : mechanism_(std::move(mechanism)), session_(std::move(session)) {}

  std::string_view mechanism() const override { return mechanism_; }
  bool wants_proof() const override { return is_scram() && !done_; }
  std::optional<std::string> initial() override {
    if (!is_scram()) return std::nullopt;
    if (!first_) {
      std::string out;
      if (step({}, out) == GSASL_NEEDS_MORE) first_ = std::move(out);
    }
    return first_;
  }
  Result<std::string> answer(std::string_view challenge) override {
    if (done_) {
      // All is said; a server may still want an empty answer to its last message.
      if (challenge.empty()) return std::string{};
      return fail(Fault::malformed, "AUTH " + mechanism_ + ": the server went on after the end");
    }
    if (challenge.empty() && first_ && !answered_) return *first_;
    if (challenge.size() > kMostMessage || challenge.contains('\0'))
      return fail(Fault::malformed, "AUTH " + mechanism_ + ": the server's message is too long, or no text");
    answered_ = true;
    std::string out;
    const int code = step(challenge, out);
    done_ = code == GSASL_OK;
    if (code == GSASL_OK || code == GSASL_NEEDS_MORE) return out;
    return fail(code == GSASL_AUTHENTICATION_ERROR ? Fault::permanent : Fault::malformed,
                "AUTH " + mechanism_ + ": the server's message is no good: " + gsasl_strerror(code));
  }

 private:
  bool is_scram() const { return mechanism_.starts_with("SCRAM-"); }
  int step(std::string_view in, std::string& out) {
    char* raw = nullptr;
    std::size_t size = 0;
    const int code = gsasl_step(session_.get(), in.data(), in.size(), &raw, &size);
    if (code == GSASL_OK || code == GSASL_NEEDS_MORE) out.assign(raw == nullptr ? "" : raw, size);
    gsasl_free(raw);
    return code;
  }

  std::string mechanism_;
  Session session_;
  std::optional<std::string> first_;
  bool answered_ = false, done_ = false;
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
  Gsasl_session* raw = nullptr;
  const std::string name(mechanism);
  if (const int code = gsasl_client_start(context_, name.c_str(), &raw); code != GSASL_OK)
    return fail(Fault::not_found, name + ": " + gsasl_strerror(code));
  Session session(raw);
  if (gsasl_property_set(raw, GSASL_AUTHID, identity.user.c_str()) != GSASL_OK ||
      gsasl_property_set(raw, GSASL_PASSWORD, identity.password.c_str()) != GSASL_OK ||
      (!identity.authorize_as.empty() &&
       gsasl_property_set(raw, GSASL_AUTHZID, identity.authorize_as.c_str()) != GSASL_OK))
    return unusable(mechanism, "memory is short");
  if (mechanism.ends_with("-PLUS")) {
    if (auto bound = bind_channel(raw, mechanism, tls); !bound) return std::unexpected(bound.error());
  }
  return std::make_unique<LibraryClient>(name, std::move(session));
}

}  // namespace hikyaku::io
