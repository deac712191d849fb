#include "serve/authentication.h"

#include "base/escape.h"

namespace hikyaku::serve {

namespace asio = boost::asio;

AuthenticationStep Authentication::success(std::string user) {
  services_.auth_throttle.succeeded(client_.address);
  services_.metrics.authentication(true);
  return AuthenticationSuccess{std::move(user), mechanism_};
}

AuthenticationStep Authentication::failure(std::string user, std::string reason) {
  services_.metrics.authentication(false);
  AuthenticationFailure result;
  result.reply = {535, {5, 7, 8}, "Error: authentication failed"};
  result.mechanism = mechanism_;
  result.reason = std::move(reason);
  if (!user.empty()) result.reason += ", sasl_username=" + user;
  result.delay = services_.auth_throttle.failed(client_.address, user, services_.clock.now());
  return result;
}

AuthenticationStep Authentication::unavailable(std::string reason) {
  AuthenticationFailure result;
  result.reply = {454, {4, 7, 0}, "Temporary authentication failure"};
  result.mechanism = mechanism_;
  result.reason = std::move(reason);
  return result;
}

asio::awaitable<AuthenticationStep> Authentication::begin(std::string mechanism,
                                                          std::optional<std::string> initial) {
  cancel();
  mechanism_ = std::move(mechanism);
  if (services_.auth_throttle.blocked(client_.address, {}, services_.clock.now())) {
    co_return failure({}, "too many failures from this address");
  }
  if (!listener_.dovecot_path.empty()) co_return co_await begin_dovecot(std::move(initial));
  exchange_ = smtp::make_password_exchange(mechanism_);
  if (!exchange_) exchange_ = services_.sasl.server(mechanism_, services_.users);
  if (!exchange_) co_return unavailable("no such mechanism");
  co_return co_await step(std::move(initial));
}

asio::awaitable<AuthenticationStep> Authentication::answer(std::string octets) {
  if (dovecot_exchange_) {
    auto next = co_await dovecot_exchange_->answer(std::move(octets));
    if (!next) {
      cancel();
      co_return unavailable(next.error().text);
    }
    co_return take(std::move(*next));
  }
  std::optional<std::string> response(std::move(octets));
  co_return co_await step(std::move(response));
}

void Authentication::cancel() {
  exchange_.reset();
  dovecot_exchange_.reset();
}

asio::awaitable<AuthenticationStep> Authentication::step(std::optional<std::string> octets) {
  using Exchange = smtp::SaslExchange;
  if (!exchange_) co_return unavailable("there is no exchange under way");
  auto next = exchange_->step(octets ? std::optional<std::string_view>(*octets) : std::nullopt);
  if (auto* challenge = std::get_if<Exchange::Challenge>(&next))
    co_return AuthenticationChallenge{std::move(challenge->octets)};
  exchange_.reset();
  if (auto* credentials = std::get_if<Exchange::Credentials>(&next))
    co_return co_await check(std::move(*credentials));
  if (auto* proved = std::get_if<Exchange::Authenticated>(&next)) {
    if (!proved->authzid.empty() && proved->authzid != proved->user)
      co_return failure(proved->user, "may not act for " + proved->authzid);
    co_return success(std::move(proved->user));
  }
  if (auto* missing = std::get_if<Exchange::Unavailable>(&next))
    co_return unavailable(std::move(missing->text));
  if (std::holds_alternative<Exchange::Malformed>(next)) {
    AuthenticationFailure result;
    result.reply = {501, {5, 5, 2}, "Error: malformed authentication message"};
    result.mechanism = mechanism_;
    result.reason = "malformed message";
    co_return result;
  }
  co_return failure({}, "authentication failure");
}

asio::awaitable<AuthenticationStep> Authentication::check(smtp::SaslExchange::Credentials credentials) {
  const auto now = services_.clock.now();
  auto& [authzid, user, password] = credentials;
  if (!authzid.empty() && authzid != user) co_return failure(user, "may not act for " + authzid);
  if (services_.auth_throttle.blocked(client_.address, user, now))
    co_return failure(user, "too many failures");
  const auto version = services_.users.version();
  if (services_.credentials.holds(version, user, password, now)) co_return success(std::move(user));
  auto verify = [this, name = user, secret = password] { return services_.users.verify(name, secret); };
  const auto verdict = co_await services_.pool.run(std::move(verify));
  switch (verdict) {
    case io::Users::Verdict::right:
      services_.credentials.remember(version, user, password, now);
      co_return success(std::move(user));
    case io::Users::Verdict::unavailable:
      co_return unavailable("the users' file can't be read");
    case io::Users::Verdict::wrong:
      break;
  }
  co_return failure(std::move(user), "authentication failure");
}

asio::awaitable<AuthenticationStep> Authentication::begin_dovecot(std::optional<std::string> initial) {
  if (dovecot_ == nullptr) co_return unavailable("smtpd_sasl_path names no Dovecot");
  io::DovecotAuth::ClientFacts facts;
  facts.remote_address = client_.address;
  facts.remote_port = client_.port;
  facts.secured = client_.tls.has_value();
  facts.valid_certificate = client_.tls && client_.tls->verified;
  auto begun = co_await dovecot_->begin(mechanism_, std::move(facts), std::move(initial));
  if (!begun) co_return unavailable(begun.error().text);
  dovecot_exchange_ = std::move(begun->exchange);
  co_return take(std::move(begun->step));
}

AuthenticationStep Authentication::take(io::DovecotAuth::Step step) {
  if (auto* challenge = std::get_if<io::DovecotAuth::Challenge>(&step))
    return AuthenticationChallenge{std::move(challenge->octets)};
  dovecot_exchange_.reset();
  if (auto* accepted = std::get_if<io::DovecotAuth::Accepted>(&step))
    return success(std::move(accepted->user));
  auto& rejected = std::get<io::DovecotAuth::Rejected>(step);
  if (rejected.temporary) return unavailable("dovecot: " + rejected.reason);
  return failure(std::move(rejected.user), "dovecot: " + rejected.reason);
}

}  // namespace hikyaku::serve
