#include "serve/client_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "serve/run_lookup.h"

namespace hikyaku::serve {
namespace {

namespace asio = boost::asio;
using Session = smtp::ClientSession;
using Kind = DeliveryResult::Kind;

constexpr std::size_t kReadSize = 4096;
constexpr std::uint16_t kMailPort = 25;

/// What of a TLS policy concerns the handshake.
io::TlsPeer tls_peer(const config::TlsClientPolicy::Decision& decision, const std::string& next_hop,
                     const std::string& host) {
  io::TlsPeer peer;
  peer.server_name = decision.server_name;
  peer.session_key = next_hop + " " + host;
  peer.verify = decision.verify;
  peer.names = decision.names;
  peer.minimum_version = decision.versions.minimum;
  peer.maximum_version = decision.versions.maximum;
  peer.cipher_list = decision.cipher_list;
  return peer;
}

bool tls_acceptable(const config::TlsClientPolicy::Decision& decision, const io::TlsFacts& facts) {
  if (decision.verify && !facts.matched) return false;
  if (decision.level != config::TlsClientPolicy::Level::fingerprint) return true;
  return std::ranges::any_of(decision.fingerprints, [&facts](const std::string& one) {
    return one == facts.peer_fingerprint || one == facts.peer_public_key_fingerprint;
  });
}

ServerRefusal deferred(std::string status, std::string reply, std::string relay) {
  return {.result = {.kind = Kind::deferred,
                     .status = std::move(status),
                     .reply = std::move(reply),
                     .relay = std::move(relay)}};
}

std::chrono::seconds limit_of(Session::Phase phase, const config::SmtpClientTimeouts& timeouts) {
  switch (phase) {
    case Session::Phase::greeting:
    case Session::Phase::hello:
      return timeouts.helo;
    case Session::Phase::start_tls:
    case Session::Phase::handshake:
      return timeouts.starttls;
    case Session::Phase::auth:
    case Session::Phase::mail:
      return timeouts.mail;
    case Session::Phase::rcpt:
      return timeouts.rcpt;
    case Session::Phase::data:
      return timeouts.data_init;
    case Session::Phase::content:
      return timeouts.data_transfer;
    case Session::Phase::final_dot:
      return timeouts.data_done;
    case Session::Phase::rset:
      return timeouts.rset;
    case Session::Phase::idle:
    case Session::Phase::quit:
    case Session::Phase::closed:
      break;
  }
  return timeouts.quit;
}

}  // namespace

asio::awaitable<void> ClientConnection::exchange(const config::SmtpClientTimeouts& timeouts,
                                                 std::string& buffer) {
  stream.set_deadline(limit_of(session.phase(), timeouts), "the server");
  if (session.has_output()) {
    session.take_output(buffer);
    auto sent = co_await stream.write_all(buffer);
    if (!sent) {
      session.connection_lost(sent.error().text);
      co_return;
    }
  }
  auto got = co_await stream.read_some(session.prepare(kReadSize));
  if (!got) {
    session.connection_lost(got.error().text);
  } else if (*got == 0) {
    session.connection_lost("the server closed the connection");
  } else {
    session.commit(*got);
  }
}

asio::awaitable<void> ClientConnection::leave(std::string& buffer) {
  if (session.phase() == Session::Phase::idle) {
    session.quit();
    (void)session.next();
    session.take_output(buffer);
    stream.set_deadline(std::chrono::seconds{5}, "QUIT");
    // Whether the farewell arrives changes nothing.
    std::ignore = co_await stream.write_all(buffer);
  }
  co_await stream.close();
}

std::string ClientConnector::login_sender() const {
  return transport_.client.sender_dependent_auth ? message_.entry.sender.internal() : std::string{};
}

bool ClientConnector::may_go_plain(const ServerRefusal& refusal) const {
  return refusal.tls_failed && opportunistic_ &&
         services_.clock.now() - message_.entry.arrival >= running_.retry.minimal_backoff;
}

asio::awaitable<ClientConnector::Opened> ClientConnector::open(const Server& server) {
  auto opened = co_await open(server, Handshake::by_policy);
  if (!opened && may_go_plain(opened.error())) opened = co_await open(server, Handshake::never);
  co_return opened;
}

asio::awaitable<ClientConnector::Opened> ClientConnector::open(const Server& server, Handshake handshake) {
  const auto& target = server.target;
  const bool unix = !server.path.empty();
  const auto host = server.host(running_.hostname);
  const auto relay = server.relay(running_.hostname);
  const auto address = unix ? std::string{} : target.address.text();
  const auto& bind =
      target.address.family() == table::Ip::Family::v4 ? transport_.bind_address : transport_.bind_address6;
  const auto connect_limit = transport_.client.timeouts.connect;
  Result<io::Stream> stream = fail(Fault::temporary, "not connected");
  if (unix) {
    stream = co_await io::Stream::connect_unix(sweep_, server.path, connect_limit);
  } else {
    stream = co_await io::Stream::connect_tcp(sweep_, address, target.port, bind, connect_limit);
  }
  if (!stream) {
    co_return std::unexpected(deferred(
        "4.4.1", fmt::format("connect to {}: {}", unix ? server.path : relay, stream.error().text), "none"));
  }

  Explanation why;
  auto* lookups = services_.lookups_for(running_);
  auto ask_policy = [&] { return transport_.tls_policy.decide(next_hop_, host, &why); };
  auto tls = co_await run_lookup(lookups, ask_policy);
  if (!tls) co_return std::unexpected(deferred("4.7.5", "TLS policy lookup: " + tls.error().text, relay));
  auto ask_login = [&] {
    return transport_.login(message_.entry.sender, host, next_hop_, *running_.router, why);
  };
  auto login = co_await run_lookup(lookups, ask_login);
  if (!login) {
    co_return std::unexpected(deferred("4.3.0", "password lookup: " + login.error().text, relay));
  }
  auto options = transport_.client.session;
  if (!unix && !transport_.client.discard_maps.empty()) {
    auto ask_discards = [&] { return transport_.client.discard_maps.find(address, nullptr); };
    const auto found = co_await run_lookup(lookups, ask_discards);
    if (!found) {
      co_return std::unexpected(
          deferred("4.3.0", "smtp_discard_ehlo_keyword_address_maps: " + found.error().text, relay));
    }
    if (*found) options.discard = config::ehlo_keywords((*found)->value);
  }
  if (!why.empty()) {
    const std::lock_guard lock(message_.mutex);
    message_.ledger.append(why.bytes());
  }
  opportunistic_ = tls->level == config::TlsClientPolicy::Level::may && !login->has_value() &&
                   !transport_.tls_wrapper && handshake == Handshake::by_policy;
  options.tls = handshake == Handshake::never ? Session::Options::Tls::never : tls->use;
  options.auth = login->has_value();
  // Another port of this host is another program's, and not a loop.
  if (!unix && target.port == kMailPort) options.loop_name = running_.hostname;
  options.tls_active = transport_.tls_wrapper;
  auto connection = std::unique_ptr<ClientConnection>(new ClientConnection{
      std::move(*stream), Session(options), host, relay, login_sender(), std::move(*tls)});
  co_return co_await begin(std::move(connection), *login);
}

asio::awaitable<std::optional<ServerRefusal>> ClientConnector::start_tls(ClientConnection& connection) {
  connection.stream.set_deadline(transport_.client.timeouts.starttls, "TLS handshake");
  const auto peer = tls_peer(connection.tls, next_hop_, connection.host);
  Result<void> started = fail(Fault::permanent, "TLS is not configured for this transport");
  if (transport_.tls) started = co_await connection.stream.connect_tls(*transport_.tls, peer);
  if (started && !tls_acceptable(connection.tls, *connection.stream.tls())) {
    started = fail(Fault::temporary, "Server certificate not verified");
  }
  if (started) co_return std::nullopt;
  auto refusal =
      deferred("4.7.5", fmt::format("Cannot start TLS with {}: {}", connection.relay, started.error().text),
               connection.relay);
  refusal.tls_failed = true;
  co_return refusal;
}

asio::awaitable<ClientConnector::Opened> ClientConnector::begin(
    std::unique_ptr<ClientConnection> connection, const std::optional<Transport::Login>& login) {
  if (transport_.tls_wrapper) {
    auto refusal = co_await start_tls(*connection);
    if (refusal) co_return std::unexpected(*std::move(refusal));
  }
  std::string buffer;
  auto& session = connection->session;
  for (;;) {
    auto event = session.next();
    if (std::holds_alternative<Session::NeedBytes>(event)) {
      co_await connection->exchange(transport_.client.timeouts, buffer);
    } else if (std::holds_alternative<Session::Ready>(event)) {
      co_return connection;
    } else if (std::holds_alternative<Session::StartTls>(event)) {
      auto refusal = co_await start_tls(*connection);
      if (refusal) co_return std::unexpected(*std::move(refusal));
      session.tls_started();
    } else if (auto* need = std::get_if<Session::NeedAuth>(&event)) {
      choose_mechanism(*connection, need->mechanisms, *login);
      if (!connection->sasl) {
        co_return std::unexpected(deferred(
            "4.7.0",
            fmt::format(
                "SASL authentication failed; cannot authenticate to server {}: no mechanism available",
                connection->server()),
            connection->relay));
      }
      const auto initial = connection->sasl->initial();
      session.auth(connection->sasl->mechanism(),
                   initial ? std::optional<std::string_view>(*initial) : std::nullopt);
    } else if (auto* challenge = std::get_if<Session::AuthChallenge>(&event)) {
      const auto answer = connection->sasl->answer(challenge->octets);
      if (answer) {
        session.auth_answer(*answer);
      } else {
        session.auth_cancel();
      }
    } else if (auto* failed = std::get_if<Session::Failed>(&event)) {
      co_return std::unexpected(refusal_of(*connection, *failed));
    } else if (std::holds_alternative<Session::Closed>(event)) {
      co_return std::unexpected(deferred("4.4.2", "the session ended before it began", connection->relay));
    }
  }
}

void ClientConnector::choose_mechanism(ClientConnection& connection, const std::vector<std::string>& offered,
                                       const Transport::Login& login) const {
  const auto& facts = connection.stream.tls();
  const auto& rules = !facts           ? transport_.client.sasl_rules
                      : facts->matched ? transport_.client.sasl_verified_rules
                                       : transport_.client.sasl_tls_rules;
  // Best first: what does not show the password to the server, or to who listens.
  for (const auto* mechanism : {"SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"}) {
    if (std::ranges::find(offered, mechanism) == offered.end() || !rules.allows(mechanism)) continue;
    connection.sasl = services_.sasl.client(mechanism, login.user, login.password);
    if (connection.sasl) return;
  }
}

ServerRefusal ClientConnector::refusal_of(const ClientConnection& connection,
                                          const Session::Failed& failed) const {
  // A password that is wrong today may be right tomorrow: the mail is not at fault.
  const bool login_refused =
      failed.phase == Session::Phase::auth && transport_.client.auth_failure_is_temporary;
  ServerRefusal refusal;
  auto& result = refusal.result;
  refusal.permanent = failed.kind == Session::Outcome::Kind::permanent && !login_refused;
  result.kind = refusal.permanent ? Kind::bounced : Kind::deferred;
  auto enhanced = failed.reply.enhanced;
  if (login_refused && enhanced.status == 5) enhanced.status = 4;
  result.status = enhanced.none() ? (refusal.permanent ? "5.0.0" : "4.0.0") : enhanced.text();
  result.relay = connection.relay;
  const auto server = connection.server();
  if (!failed.from_server) {
    result.reply = fmt::format("conversation with {}: {}", server, failed.reply.text);
    return refusal;
  }
  result.reply =
      failed.phase == Session::Phase::auth
          ? fmt::format("SASL authentication failed; server {} said: {}", server, failed.reply.line())
          : fmt::format("host {} said: {}", server, failed.reply.line());
  result.remote_mta = connection.host;
  result.diagnostic = failed.reply.line();
  return refusal;
}

}  // namespace hikyaku::serve
