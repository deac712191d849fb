#include "io/gsasl_client.h"

#include <gsasl.h>

#include <utility>

namespace hikyaku::io {

void GsaslSessionEnd::operator()(Gsasl_session* session) const { gsasl_finish(session); }

int gsasl_exchange(Gsasl_session* session, std::string_view in, std::string& out) {
  char* raw = nullptr;
  std::size_t size = 0;
  const int code = gsasl_step(session, in.data(), in.size(), &raw, &size);
  if (code == GSASL_OK || code == GSASL_NEEDS_MORE) out.assign(raw == nullptr ? "" : raw, size);
  gsasl_free(raw);
  return code;
}

Result<std::unique_ptr<GsaslClient>> GsaslClient::begin(Gsasl* library, std::string_view mechanism,
                                                        const std::string& user,
                                                        const std::string& password) {
  const std::string name(mechanism);
  Gsasl_session* raw = nullptr;
  if (const int code = gsasl_client_start(library, name.c_str(), &raw); code != GSASL_OK)
    return fail(Fault::not_found, name + ": " + gsasl_strerror(code));
  GsaslSession session(raw);
  for (const auto& [property, value] :
       {std::pair(GSASL_AUTHID, user.c_str()), std::pair(GSASL_PASSWORD, password.c_str())}) {
    if (const int code = gsasl_property_set(raw, property, value); code != GSASL_OK)
      return fail(Fault::temporary, name + ": " + gsasl_strerror(code));
  }
  return std::unique_ptr<GsaslClient>(new GsaslClient(name, std::move(session)));
}

std::optional<std::string> GsaslClient::initial() {
  if (!is_scram()) return std::nullopt;
  if (!first_) {
    std::string out;
    if (gsasl_exchange(session_.get(), {}, out) == GSASL_NEEDS_MORE) first_ = std::move(out);
  }
  return first_;
}

Result<std::string> GsaslClient::answer(std::string_view challenge) {
  if (done_) {
    // SCRAM has said all; a server may still want an empty answer to its last message.
    if (challenge.empty()) return std::string{};
    return fail(Fault::malformed, "AUTH " + mechanism_ + ": the server went on after the end");
  }
  // A server that did not take the initial response asks for it with an empty challenge.
  if (challenge.empty() && first_ && !answered_) return *first_;
  if (challenge.size() > kMostSaslMessage || challenge.contains('\0'))
    return fail(Fault::malformed, "AUTH " + mechanism_ + ": the server's message is too long, or no text");
  answered_ = true;
  std::string out;
  const int code = gsasl_exchange(session_.get(), challenge, out);
  done_ = code == GSASL_OK;
  if (code == GSASL_OK || code == GSASL_NEEDS_MORE) return out;
  return fail(code == GSASL_AUTHENTICATION_ERROR ? Fault::permanent : Fault::malformed,
              "AUTH " + mechanism_ + ": the server's message is no good: " + gsasl_strerror(code));
}

}  // namespace hikyaku::io
