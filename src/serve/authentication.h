#pragma once
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "io/dovecot_auth.h"
#include "serve/client_identity.h"
#include "serve/running.h"
#include "serve/services.h"
#include "smtp/reply.h"
#include "smtp/sasl.h"

namespace hikyaku::serve {

struct AuthenticationChallenge {
  std::string octets;
};
struct AuthenticationSuccess {
  std::string user, mechanism;
};
struct AuthenticationFailure {
  smtp::Reply reply;
  std::string mechanism;
  std::string reason;                  ///< for the log
  std::chrono::milliseconds delay{0};  ///< to wait before the reply
};
using AuthenticationStep =
    std::variant<AuthenticationChallenge, AuthenticationSuccess, AuthenticationFailure>;

/// One connection's SASL exchanges: with our own users, or with a Dovecot that is asked. Unknown users and
/// wrong passwords get the same answer after the same time.
class Authentication {
 public:
  Authentication(Services& services, const Listener& listener, const ClientIdentity& client,
                 io::DovecotAuth* dovecot)
      : services_(services), listener_(listener), client_(client), dovecot_(dovecot) {}

  boost::asio::awaitable<AuthenticationStep> begin(std::string mechanism, std::optional<std::string> initial);
  boost::asio::awaitable<AuthenticationStep> answer(std::string octets);
  void cancel();

 private:
  boost::asio::awaitable<AuthenticationStep> step(std::optional<std::string> octets);
  boost::asio::awaitable<AuthenticationStep> check(smtp::SaslExchange::Credentials credentials);
  boost::asio::awaitable<AuthenticationStep> begin_dovecot(std::optional<std::string> initial);
  AuthenticationStep take(io::DovecotAuth::Step step);
  AuthenticationStep success(std::string user);
  AuthenticationStep failure(std::string user, std::string reason);
  AuthenticationStep unavailable(std::string reason);

  Services& services_;
  const Listener& listener_;
  const ClientIdentity& client_;
  io::DovecotAuth* dovecot_;
  std::string mechanism_;
  std::unique_ptr<smtp::SaslExchange> exchange_;
  std::optional<io::DovecotAuth::Exchange> dovecot_exchange_;
};

}  // namespace hikyaku::serve
