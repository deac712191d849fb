#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"

namespace hikyaku::smtp {

/// The server's side of one SASL exchange (RFC 4422). Octets here are decoded; base64 is the session's. io
/// implements it for SCRAM-SHA-256. Not thread-safe.
class SaslExchange {
 public:
  struct Challenge {
    std::string octets;
  };  ///< send it, hand the answer to step()
  /// A name and a password that the caller has to check: the end of PLAIN and LOGIN.
  struct Credentials {
    std::string authzid, user, password;
  };
  /// The mechanism has proved the user itself: the end of SCRAM.
  struct Authenticated {
    std::string authzid, user;
  };
  struct Rejected {};   ///< wrong proof or unknown user: 535 5.7.8
  struct Malformed {};  ///< no message of this mechanism: 501 5.5.2
  struct Unavailable {
    std::string text;
  };  ///< could not be checked now: 454 4.7.0; text is for the log
  using Step = std::variant<Challenge, Credentials, Authenticated, Rejected, Malformed, Unavailable>;

  SaslExchange() = default;
  SaslExchange(const SaslExchange&) = delete;
  SaslExchange& operator=(const SaslExchange&) = delete;
  virtual ~SaslExchange() = default;

  /// The first call has the initial response, or nothing when the client gave none; each later call has the
  /// answer to the last challenge. Everything but Challenge ends the exchange.
  virtual Step step(std::optional<std::string_view> response) = 0;
};

/// PLAIN (RFC 4616), LOGIN (prompts "Username:" and "Password:"); nullptr for other names. Names in upper
/// case. Limit: 255 octets each of authzid, user and password, more is Malformed.
std::unique_ptr<SaslExchange> make_password_exchange(std::string_view mechanism);

/// The client's side of one exchange.
class SaslClient {
 public:
  SaslClient() = default;
  SaslClient(const SaslClient&) = delete;
  SaslClient& operator=(const SaslClient&) = delete;
  virtual ~SaslClient() = default;

  virtual std::string_view mechanism() const = 0;
  /// What goes with the AUTH command itself; nothing where the mechanism lets the server begin.
  virtual std::optional<std::string> initial() = 0;
  /// The answer to a challenge. An error when the server broke the mechanism, or its proof is wrong.
  virtual Result<std::string> answer(std::string_view challenge) = 0;
};

/// PLAIN or LOGIN with this name and password; nullptr for other mechanisms.
std::unique_ptr<SaslClient> make_password_client(std::string_view mechanism, std::string user,
                                                 std::string password);

}  // namespace hikyaku::smtp
