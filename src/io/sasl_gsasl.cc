#include "io/sasl_gsasl.h"

#include <gsasl.h>

#include <array>
#include <utility>

#include "base/base64.h"
#include "io/gsasl_client.h"
#include "io/password.h"
#include "io/users.h"

namespace hikyaku::io {
namespace {

/// The verifier is looked up when the client has said who it is; the library asks for it through a callback.
class ScramServer final : public smtp::SaslExchange {
 public:
  explicit ScramServer(Users& users) : users_(users) {}
  bool begin(Gsasl* context) {
    Gsasl_session* raw = nullptr;
    if (gsasl_server_start(context, "SCRAM-SHA-256", &raw) != GSASL_OK) return false;
    session_.reset(raw);
    gsasl_session_hook_set(raw, this);
    return true;
  }

  Step step(std::optional<std::string_view> response) override {
    if (done_) return Malformed{};
    if (proved_) {  // the server's last message went as a challenge, which has an empty answer
      done_ = true;
      if (response && !response->empty()) return Malformed{};
      return Authenticated{authzid_, user_};
    }
    // The client speaks first; without an initial response it is asked with an empty challenge.
    if (!response) return Challenge{""};
    if (response->size() > kMostSaslMessage || response->contains('\0')) return end(Malformed{});
    std::string out;
    switch (gsasl_exchange(session_.get(), *response, out)) {
      case GSASL_NEEDS_MORE:
        return Challenge{std::move(out)};
      case GSASL_OK:
        return prove(std::move(out));
      case GSASL_AUTHENTICATION_ERROR:
        return end(Rejected{});
      case GSASL_MECHANISM_PARSE_ERROR:
        return end(Malformed{});
      default:
        return end(asked_ ? Step(Rejected{}) : Step(Malformed{}));
    }
  }

  /// Hands the library what it asks for; called within step().
  int give(Gsasl_session* session, Gsasl_property property) {
    switch (property) {
      case GSASL_SCRAM_ITER:
      case GSASL_SCRAM_SALT:
      case GSASL_SCRAM_STOREDKEY:
      case GSASL_SCRAM_SERVERKEY:
        break;
      default:
        return GSASL_NO_CALLBACK;
    }
    if (!asked_) {
      const char* user = gsasl_property_fast(session, GSASL_AUTHID);
      const auto verifier = users_.scram(user == nullptr ? "" : user);
      asked_ = true;
      gsasl_property_set(session, GSASL_SCRAM_ITER, std::to_string(verifier.iterations).c_str());
      gsasl_property_set(session, GSASL_SCRAM_SALT, base64_encode(verifier.salt).c_str());
      gsasl_property_set(session, GSASL_SCRAM_STOREDKEY, base64_encode(verifier.stored_key).c_str());
      gsasl_property_set(session, GSASL_SCRAM_SERVERKEY, base64_encode(verifier.server_key).c_str());
    }
    return GSASL_OK;
  }

 private:
  Step end(Step step) {
    done_ = true;
    return step;
  }
  Step prove(std::string last) {
    if (const char* user = gsasl_property_fast(session_.get(), GSASL_AUTHID)) user_ = user;
    if (const char* other = gsasl_property_fast(session_.get(), GSASL_AUTHZID)) authzid_ = other;
    proved_ = true;
    return Challenge{std::move(last)};
  }

  Users& users_;
  GsaslSession session_;
  std::string user_, authzid_;
  bool asked_ = false, proved_ = false, done_ = false;
};

int callback(Gsasl*, Gsasl_session* session, Gsasl_property property) {
  auto* server = static_cast<ScramServer*>(gsasl_session_hook_get(session));
  return server == nullptr ? GSASL_NO_CALLBACK : server->give(session, property);
}

}  // namespace

Result<std::unique_ptr<SaslLibrary>> SaslLibrary::open() {
  Gsasl* context = nullptr;
  if (const int code = gsasl_init(&context); code != GSASL_OK) {
    return fail(Fault::permanent, std::string("GNU SASL can't be used: ") + gsasl_strerror(code));
  }
  gsasl_callback_set(context, callback);
  return std::unique_ptr<SaslLibrary>(new SaslLibrary(context));
}

SaslLibrary::~SaslLibrary() { gsasl_done(context_); }

std::unique_ptr<smtp::SaslExchange> SaslLibrary::server(std::string_view mechanism, Users& users) {
  if (mechanism != "SCRAM-SHA-256") return nullptr;
  auto made = std::make_unique<ScramServer>(users);
  if (!made->begin(context_)) return nullptr;
  return made;
}

std::unique_ptr<smtp::SaslClient> SaslLibrary::client(std::string_view mechanism, std::string user,
                                                      std::string password) {
  if (mechanism == "PLAIN" || mechanism == "LOGIN") {
    return smtp::make_password_client(mechanism, std::move(user), std::move(password));
  }
  static constexpr std::array<std::string_view, 3> kOurs{"SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5"};
  for (const auto ours : kOurs) {
    if (mechanism != ours) continue;
    auto made = GsaslClient::begin(context_, mechanism, user, password);
    wipe(password);
    if (!made) return nullptr;
    return *std::move(made);
  }
  return nullptr;
}

}  // namespace hikyaku::io
