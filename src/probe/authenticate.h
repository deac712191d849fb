#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "probe/conversation.h"
#include "probe/opening.h"
#include "smtp/sasl.h"

namespace hikyaku::probe {

/// A SASL client that also knows whether the server still owes its own proof (RFC 5802 s. 5).
class AuthClient : public smtp::SaslClient {
 public:
  virtual bool wants_proof() const { return false; }
};

/// What a client is made of. A token of OAuth is a password here.
struct Identity {
  std::string user, password;
  std::string authorize_as;  ///< the authorization identity; empty: the same as `user`
};

/// XOAUTH2, OAUTHBEARER (RFC 7628), EXTERNAL (RFC 4422 app. A) and ANONYMOUS (RFC 4505); nullptr for other
/// names. `host` and `port` are told to the server by OAUTHBEARER.
std::unique_ptr<AuthClient> make_token_client(std::string_view mechanism, const Identity& identity,
                                              std::string_view host, std::uint16_t port);

/// How an attempt ended.
struct AuthOutcome {
  enum class End : unsigned char {
    accepted,
    refused,   ///< by the server
    given_up,  ///< by us: it broke the mechanism, or its proof is wrong
  };
  End end = End::refused;
  std::string text;  ///< what the server said last, or why we gave up; not escaped
};

/// Runs a mechanism in SMTP, LMTP, IMAP, POP3 or ManageSieve. An error: the connection is of no more use.
Result<AuthOutcome> authenticate(Conversation& conversation, Speech speech, AuthClient& client,
                                 const Opening& opening);

/// The protocols' own way with a name and a password: LOGIN of IMAP, USER and PASS of POP3 and FTP.
constexpr std::string_view kOwnLogin = "login-command";
/// Whether there is one, and the server does not say that it won't take it.
bool has_own_login(Speech speech, const Opening& opening);
Result<AuthOutcome> log_in(Conversation& conversation, Speech speech, const Identity& identity);

/// The known mechanisms, the safest first; -PLUS before its plain form.
const std::vector<std::string>& known_mechanisms();

}  // namespace hikyaku::probe
