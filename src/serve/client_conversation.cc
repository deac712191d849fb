#include "serve/client_conversation.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <tuple>

#include "base/escape.h"
#include "io/resolver.h"
#include "mail/parameters_xtext.h"
#include "smtp/data_encoder.h"

namespace hikyaku::serve {
namespace {

namespace asio = boost::asio;
constexpr auto kQuiet = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kReadSize = 4096;
constexpr std::size_t kContentPiece = std::size_t{256} << 10;
constexpr std::size_t kWriteSize = std::size_t{64} << 10;

using Kind = DeliveryResult::Kind;

std::string relay_text(const route::Target& target) {
  return fmt::format("{}[{}]:{}", target.host, target.address.text(), target.port);
}

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

asio::awaitable<route::DestinationSearch::Answer> look_up(io::Resolver& resolver,
                                                          route::DestinationSearch::Question question,
                                                          bool native) {
  using Search = route::DestinationSearch;
  const auto type = question.type == Search::Type::mx  ? io::Resolver::Type::mx
                    : question.type == Search::Type::a ? io::Resolver::Type::a
                                                       : io::Resolver::Type::aaaa;
  io::DnsReply reply;
  if (native && question.type != Search::Type::mx) {
    reply = co_await resolver.native_addresses(question.name, type);
  } else {
    reply = co_await resolver.query(question.name, type);
  }
  Search::Answer answer;
  switch (reply.status) {
    case io::DnsReply::Status::found:
      answer.status = Search::Answer::Status::found;
      break;
    case io::DnsReply::Status::none:
      answer.status = Search::Answer::Status::none;
      break;
    case io::DnsReply::Status::temporary:
      answer.status = Search::Answer::Status::temporary;
      break;
    case io::DnsReply::Status::malformed:
      answer.status = Search::Answer::Status::malformed;
      break;
  }
  for (auto& record : reply.records) {
    if (question.type == Search::Type::mx) {
      answer.mx.push_back({record.preference, std::move(record.text)});
    } else if (const auto ip = table::Ip::parse(record.text)) {
      answer.addresses.push_back(*ip);
    }
  }
  co_return answer;
}

}  // namespace

/// A server that we are connected to.
struct ClientConversation::Connection {
  io::Stream stream;
  Session session;
  std::string host;   // for names of certificates and password lookups
  std::string relay;  // "mx.example[192.0.2.1]:25"
  std::unique_ptr<smtp::SaslClient> sasl;
  std::string login_sender;  // whose login it is, where logins go by sender
  bool wrapped = false;
  config::TlsClientPolicy::Decision tls;
  std::chrono::steady_clock::time_point opened = std::chrono::steady_clock::now();
};

ClientConversation::ClientConversation(Services& services, Outbound& outbound, io::Resolver& resolver,
                                       io::DeadlineSweep& sweep,
                                       std::shared_ptr<DestinationQueue::Destination> destination)
    : services_(services),
      outbound_(outbound),
      resolver_(resolver),
      sweep_(sweep),
      destination_(std::move(destination)) {}

ClientConversation::~ClientConversation() = default;

asio::awaitable<void> ClientConversation::run() {
  auto turn = DestinationQueue::Turn::first;
  for (;;) {
    auto job = co_await next_job(turn);
    if (!job) break;
    turn = DestinationQueue::Turn::further;
    co_await deliver(*job);
    const auto delay = destination_->limits.destination_rate_delay;
    if (delay.count() > 0) {
      asio::steady_timer timer(co_await asio::this_coro::executor, delay);
      co_await timer.async_wait(kQuiet);
    }
  }
  co_await drop_connection();
  outbound_.destinations().leave(*destination_);
}

asio::awaitable<std::optional<Job>> ClientConversation::next_job(DestinationQueue::Turn turn) {
  auto next = outbound_.destinations().next(*destination_, turn);
  if (next.job || next.leave || !connection_ || outbound_.stopping()) co_return std::move(next.job);
  co_return co_await wait_parked();
}

asio::awaitable<std::optional<Job>> ClientConversation::wait_parked() {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, transport_->client.cache_time_limit);
  DestinationQueue::Parked parked;
  // Posted, not called: the timer belongs to this thread. `alive` covers a wake that is still in line when
  // the wait has ended by itself.
  auto alive = std::make_shared<asio::steady_timer*>(&timer);
  parked.wake = [executor, alive] {
    asio::post(executor, [alive] {
      if (*alive != nullptr) (*alive)->cancel();
    });
  };
  if (outbound_.destinations().park(*destination_, parked)) {
    if (!parked.job) co_await timer.async_wait(kQuiet);
    outbound_.destinations().unpark(*destination_, parked);
  }
  *alive = nullptr;
  co_return std::move(parked.job);
}

asio::awaitable<void> ClientConversation::drop_connection() {
  if (!connection_) co_return;
  if (connection_->session.phase() == Session::Phase::idle) {
    connection_->session.quit();
    (void)connection_->session.next();
    connection_->session.take_output(output_);
    connection_->stream.set_deadline(std::chrono::seconds{5}, "QUIT");
    // Whether the farewell arrives changes nothing.
    std::ignore = co_await connection_->stream.write_all(output_);
  }
  co_await connection_->stream.close();
  connection_.reset();
}

std::chrono::seconds ClientConversation::limit_of(Session::Phase phase) const {
  const auto& timeouts = transport_->client.timeouts;
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

asio::awaitable<void> ClientConversation::exchange_bytes(Connection& connection) {
  auto& stream = connection.stream;
  auto& session = connection.session;
  stream.set_deadline(limit_of(session.phase()), "the server");
  if (session.has_output()) {
    session.take_output(output_);
    auto sent = co_await stream.write_all(output_);
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

ClientConversation::Refusal ClientConversation::refusal_of(const Connection& connection,
                                                           const Session::Failed& failed) {
  Refusal refusal;
  auto& result = refusal.result;
  refusal.permanent = failed.kind == Session::Outcome::Kind::permanent;
  result.kind = refusal.permanent ? Kind::bounced : Kind::deferred;
  result.status =
      failed.reply.enhanced.none() ? (refusal.permanent ? "5.0.0" : "4.0.0") : failed.reply.enhanced.text();
  result.relay = connection.relay;
  result.reply =
      failed.from_server
          ? fmt::format("host {} said: {}", connection.relay.substr(0, connection.relay.rfind(':')),
                        failed.reply.line())
          : fmt::format("conversation with {}: {}", connection.relay.substr(0, connection.relay.rfind(':')),
                        failed.reply.text);
  if (failed.from_server) {
    result.remote_mta = connection.host;
    result.diagnostic = failed.reply.line();
  }
  return refusal;
}

asio::awaitable<std::optional<ClientConversation::Refusal>> ClientConversation::start_tls(
    Connection& connection) {
  connection.stream.set_deadline(transport_->client.timeouts.starttls, "TLS handshake");
  const auto peer = tls_peer(connection.tls, destination_->next_hop, connection.host);
  Result<void> started = fail(Fault::permanent, "TLS is not configured for this transport");
  if (transport_->tls) started = co_await connection.stream.connect_tls(*transport_->tls, peer);
  if (started && !tls_acceptable(connection.tls, *connection.stream.tls())) {
    started = fail(Fault::temporary, "Server certificate not verified");
  }
  if (!started) {
    Refusal refusal;
    refusal.result = {
        .kind = Kind::deferred,
        .status = "4.7.5",
        .reply = fmt::format("Cannot start TLS with {}: {}", connection.relay, started.error().text),
        .relay = connection.relay};
    co_return refusal;
  }
  co_return std::nullopt;
}

void ClientConversation::choose_mechanism(Connection& connection, const std::vector<std::string>& offered,
                                          const Transport::Login& login) {
  const auto& facts = connection.stream.tls();
  const auto& rules = !facts           ? transport_->client.sasl_rules
                      : facts->matched ? transport_->client.sasl_verified_rules
                                       : transport_->client.sasl_tls_rules;
  // Best first: what does not show the password to the server, or to who listens.
  for (const auto* mechanism : {"SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"}) {
    if (std::ranges::find(offered, mechanism) == offered.end() || !rules.allows(mechanism)) continue;
    connection.sasl = services_.sasl.client(mechanism, login.user, login.password);
    if (connection.sasl) return;
  }
}

asio::awaitable<std::optional<ClientConversation::Refusal>> ClientConversation::begin_session(
    io::Stream stream, std::string host, std::string relay, const Job& job) {
  const auto refused = [&relay](std::string status, std::string reply) {
    return Refusal{
        {.kind = Kind::deferred, .status = std::move(status), .reply = std::move(reply), .relay = relay}};
  };
  Explanation why;
  auto tls = transport_->tls_policy.decide(destination_->next_hop, host, &why);
  if (!tls) co_return refused("4.7.5", "TLS policy lookup: " + tls.error().text);
  auto login =
      transport_->login(job.message->entry.sender, host, destination_->next_hop, *running_->router, why);
  if (!login) co_return refused("4.3.0", "password lookup: " + login.error().text);
  if (!why.empty()) {
    const std::lock_guard lock(job.message->mutex);
    job.message->ledger.append(why.bytes());
  }
  auto options = transport_->client.session;
  options.tls = tls->use;
  options.auth = login->has_value();
  options.loop_name = running_->hostname;
  options.tls_active = transport_->tls_wrapper;
  auto connection = std::unique_ptr<Connection>(
      new Connection{std::move(stream), Session(options), std::move(host), relay, nullptr, login_sender(job),
                     transport_->tls_wrapper, std::move(*tls)});
  if (connection->wrapped) {
    auto refusal = co_await start_tls(*connection);
    if (refusal) co_return refusal;
  }
  auto& session = connection->session;
  for (;;) {
    auto event = session.next();
    if (std::holds_alternative<Session::NeedBytes>(event)) {
      co_await exchange_bytes(*connection);
    } else if (std::holds_alternative<Session::Ready>(event)) {
      connection_ = std::move(connection);
      co_return std::nullopt;
    } else if (std::holds_alternative<Session::StartTls>(event)) {
      auto refusal = co_await start_tls(*connection);
      if (refusal) co_return refusal;
      session.tls_started();
    } else if (auto* need = std::get_if<Session::NeedAuth>(&event)) {
      choose_mechanism(*connection, need->mechanisms, **login);
      if (!connection->sasl) {
        co_return refused(
            "4.7.0",
            fmt::format(
                "SASL authentication failed; cannot authenticate to server {}: no mechanism available",
                relay));
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
      co_return refusal_of(*connection, *failed);
    } else if (std::holds_alternative<Session::Closed>(event)) {
      co_return refused("4.4.2", "the session ended before it began");
    }
  }
}

std::string ClientConversation::login_sender(const Job& job) const {
  return transport_->client.sender_dependent_auth ? job.message->entry.sender.internal() : std::string{};
}

asio::awaitable<std::optional<ClientConversation::Refusal>> ClientConversation::connect_to(
    const route::Target& target, const Job& job) {
  const auto relay = relay_text(target);
  const bool v4 = target.address.family() == table::Ip::Family::v4;
  auto stream = co_await io::Stream::connect_tcp(sweep_, target.address.text(), target.port,
                                                 v4 ? transport_->bind_address : transport_->bind_address6,
                                                 transport_->client.timeouts.connect);
  if (!stream) {
    co_return Refusal{{.kind = Kind::deferred,
                       .status = "4.4.1",
                       .reply = fmt::format("connect to {}: {}", relay, stream.error().text),
                       .relay = "none"}};
  }
  co_return co_await begin_session(std::move(*stream), target.host, relay, job);
}

asio::awaitable<std::optional<ClientConversation::Refusal>> ClientConversation::connect_unix(
    const std::string& path, const Job& job) {
  auto stream = co_await io::Stream::connect_unix(sweep_, path, transport_->client.timeouts.connect);
  if (!stream) {
    co_return Refusal{{.kind = Kind::deferred,
                       .status = "4.4.1",
                       .reply = fmt::format("connect to {}: {}", path, stream.error().text),
                       .relay = "none"}};
  }
  co_return co_await begin_session(std::move(*stream), running_->hostname,
                                   running_->hostname + "[" + path + "]", job);
}

asio::awaitable<route::DestinationSearch::Found> ClientConversation::find_targets(const route::NextHop& hop) {
  route::DestinationSearch search(hop, transport_->search);
  while (!search.questions().empty()) {
    const auto questions = search.questions();
    for (const auto& question : questions) {
      auto answer = co_await look_up(resolver_, question, transport_->native_lookup);
      search.answer(question, std::move(answer));
    }
  }
  co_return search.result(services_.random);
}

asio::awaitable<std::optional<ClientConversation::Refusal>> ClientConversation::connect(const Job& job) {
  const auto protocol = transport_->protocol == smtp::Protocol::lmtp ? route::NextHop::Protocol::lmtp
                                                                     : route::NextHop::Protocol::smtp;
  auto hops = route::NextHop::parse_list(destination_->next_hop, protocol);
  // As Postfix, what stands behind the first next hop is only looked at when it is needed: "[host]:25 #
  // remark" works.
  if (!hops)
    hops = route::NextHop::parse_list(
        destination_->next_hop.substr(0, destination_->next_hop.find_first_of(" \t")), protocol);
  if (!hops) {
    co_return Refusal{{.kind = Kind::bounced,
                       .status = "5.1.2",
                       .reply = "bad next hop: " + hops.error().text,
                       .relay = "none"},
                      true};
  }
  hops->insert(hops->end(), transport_->fallback.begin(), transport_->fallback.end());
  Refusal last{{.kind = Kind::deferred, .status = "4.4.4", .reply = "no servers to try", .relay = "none"}};
  for (const auto& hop : *hops) {
    if (hop.kind() == route::NextHop::Kind::unix) {
      auto refusal = co_await connect_unix(hop.name(), job);
      if (!refusal || refusal->permanent) co_return refusal;
      last = std::move(*refusal);
      continue;
    }
    const auto found = co_await find_targets(hop);
    if (found.targets.empty() && found.unreachable) {
      last = {{.kind = found.unreachable->permanent ? Kind::bounced : Kind::deferred,
               .status = found.unreachable->status,
               .reply = found.unreachable->text,
               .relay = "none"},
              found.unreachable->permanent};
      // Also for a domain that does not exist: smtp_fallback_relay may know it.
      continue;
    }
    for (const auto& target : found.targets) {
      auto refusal = co_await connect_to(target, job);
      if (!refusal || refusal->permanent) co_return refusal;
      last = std::move(*refusal);
    }
  }
  co_return last;
}

ClientConversation::Session::Transaction ClientConversation::transaction_of(
    const Job& job, Explanation& why, std::optional<Error>& failure) const {
  const auto& entry = job.message->entry;
  const bool map = transport_->outbound->changes_addresses();
  const auto mapped = [&](const mail::Address& address, std::string_view which) {
    if (!map) return address;
    auto result = transport_->outbound->address(address, which, why);
    if (result) return std::move(*result);
    failure = std::move(result.error());
    return address;
  };
  Session::Transaction transaction;
  transaction.sender = mapped(entry.sender, "sender");
  transaction.size = entry.size;
  transaction.eight_bit = entry.body_type == record::BodyType::eight_bit;
  transaction.smtputf8 = entry.smtputf8;
  transaction.ret = entry.ret == record::ReturnContent::full      ? mail::DsnReturn::full
                    : entry.ret == record::ReturnContent::headers ? mail::DsnReturn::headers
                                                                  : mail::DsnReturn::unspecified;
  transaction.envid = mail::xtext_decode(entry.envid).value_or("");
  for (const auto index : job.recipients) {
    const auto& recipient = entry.recipients[index];
    mail::RecipientParameters parameters;
    const auto& notify = recipient.notify;
    parameters.notify.bits = static_cast<std::uint8_t>(
        (notify.never ? mail::Notify::kNever : 0) | (notify.success ? mail::Notify::kSuccess : 0) |
        (notify.failure ? mail::Notify::kFailure : 0) | (notify.delay ? mail::Notify::kDelay : 0));
    if (const auto semicolon = recipient.orcpt.find(';'); semicolon != std::string::npos) {
      parameters.orcpt_type = recipient.orcpt.substr(0, semicolon);
      parameters.orcpt =
          mail::xtext_decode(std::string_view(recipient.orcpt).substr(semicolon + 1)).value_or("");
    } else if (!recipient.original.null()) {
      parameters.orcpt_type = "rfc822";
      parameters.orcpt = recipient.original.text();
    }
    transaction.recipients.push_back({mapped(recipient.address, "recipient"), std::move(parameters)});
  }
  return transaction;
}

asio::awaitable<bool> ClientConversation::send_content(const Job& job,
                                                       const std::optional<std::string>& new_header) {
  const auto& entry = job.message->stored;
  auto& stream = connection_->stream;
  auto& session = connection_->session;
  session.take_output(output_);
  stream.set_deadline(transport_->client.timeouts.data_transfer, "the server to take the message");
  smtp::DataEncoder encoder(transport_->client.line_length_limit);
  std::string gathered = std::move(output_);
  const auto gather = [&gathered](std::string_view piece) { gathered += piece; };
  std::uint64_t offset = 0;
  if (new_header) {
    encoder.encode(*new_header, gather);
    encoder.encode("\r\n", gather);
    offset = entry.header_size;
  }
  while (offset < entry.size) {
    std::string read;
    std::string_view piece;
    if (job.message->content) {
      piece = std::string_view(*job.message->content).substr(offset, kWriteSize);
    } else {
      auto work = [this, message = job.message, offset] {
        return services_.queue.read_body(message->stored, offset, kContentPiece);
      };
      auto octets = co_await services_.pool.run(std::move(work));
      if (!octets || octets->empty()) {
        session.content_failed("the message can't be read: " + (octets ? "it is cut" : octets.error().text));
        co_return false;
      }
      read = std::move(*octets);
      piece = read;
    }
    encoder.encode(piece, gather);
    offset += piece.size();
    if (offset >= entry.size) break;
    stream.set_deadline(transport_->client.timeouts.data_transfer, "the server to take the message");
    auto sent = co_await stream.write_all(gathered);
    gathered.clear();
    if (!sent) {
      session.connection_lost(sent.error().text);
      co_return false;
    }
  }
  encoder.finish(gather);
  auto sent = co_await stream.write_all(gathered);
  output_ = std::move(gathered);
  if (!sent) {
    session.connection_lost(sent.error().text);
    co_return false;
  }
  session.content_sent();
  co_return true;
}

asio::awaitable<std::vector<ClientConversation::Session::Outcome>> ClientConversation::transact(
    const Job& job, Session::Transaction transaction, const std::optional<std::string>& new_header) {
  auto& session = connection_->session;
  session.send(std::move(transaction));
  for (;;) {
    auto event = session.next();
    if (std::holds_alternative<Session::NeedBytes>(event)) {
      co_await exchange_bytes(*connection_);
    } else if (std::holds_alternative<Session::SendContent>(event)) {
      co_await send_content(job, new_header);
    } else if (auto* finished = std::get_if<Session::Finished>(&event)) {
      co_return std::move(finished->recipients);
    }
    // Ready comes after Finished only; Failed and Closed come after it too.
  }
}

DeliveryResult ClientConversation::result_of(const Session::Outcome& outcome) const {
  using Outcome = Session::Outcome;
  DeliveryResult result;
  result.relay = connection_->relay;
  const auto host = connection_->relay.substr(0, connection_->relay.rfind(':'));
  result.kind = outcome.kind == Outcome::Kind::delivered   ? Kind::delivered
                : outcome.kind == Outcome::Kind::permanent ? Kind::bounced
                                                           : Kind::deferred;
  const char* general = result.kind == Kind::delivered ? "2.0.0"
                        : result.kind == Kind::bounced ? "5.0.0"
                                                       : "4.0.0";
  result.status = outcome.reply.enhanced.none() ? general : outcome.reply.enhanced.text();
  if (result.kind == Kind::delivered) {
    result.reply = outcome.reply.line();
    result.tells_sender = connection_->session.offer().keywords.has(smtp::EhloKeywords::kDsn);
  } else if (outcome.from_server) {
    result.reply = fmt::format("host {} said: {}", host, outcome.reply.line());
    result.remote_mta = connection_->host;
    result.diagnostic = outcome.reply.line();
  } else {
    result.reply = outcome.kind == Outcome::Kind::lost_after_end
                       ? fmt::format(
                             "lost connection with {} after the end of data: it may have the message, and "
                             "get it again: {}",
                             host, outcome.reply.text)
                       : fmt::format("conversation with {}: {}", host, outcome.reply.text);
  }
  return result;
}

asio::awaitable<void> ClientConversation::deliver(const Job& job) {
  running_ = services_.running();
  transport_ = running_->transport(destination_->transport);
  const auto count = job.recipients.size();
  if (transport_ == nullptr) {
    const DeliveryResult gone{.kind = Kind::deferred,
                              .status = "4.3.0",
                              .reply = "mail transport unavailable: " + destination_->transport,
                              .relay = "none"};
    outbound_.finished(job, std::vector<DeliveryResult>(count, gone));
    co_return;
  }
  bool removed = false;
  {
    const std::lock_guard lock(job.message->mutex);
    removed = job.message->removal_asked;
  }
  if (removed) {
    const DeliveryResult deleted{
        .kind = Kind::deferred, .status = "4.0.0", .reply = "deleted by the administrator", .relay = "none"};
    outbound_.finished(job, std::vector<DeliveryResult>(count, deleted));
    co_return;
  }
  if (connection_ &&
      ((transport_->client.reuse_count_limit != 0 &&
        connection_->session.transactions() >= transport_->client.reuse_count_limit) ||
       std::chrono::steady_clock::now() - connection_->opened > transport_->client.reuse_time_limit ||
       connection_->login_sender != login_sender(job))) {
    co_await drop_connection();
  }

  Explanation why;
  std::optional<Error> failure;
  auto transaction = transaction_of(job, why, failure);
  std::optional<std::string> new_header;
  if (!failure && transport_->outbound->changes_headers()) {
    auto work = [this, message = job.message] {
      return message->content
                 ? Result<std::string>(message->content->substr(0, message->stored.header_size))
                 : services_.queue.read_body(message->stored, 0,
                                             static_cast<std::size_t>(message->stored.header_size));
    };
    auto header = co_await services_.pool.run(std::move(work));
    if (!header) {
      failure = std::move(header.error());
    } else {
      // Without the empty line at its end.
      auto changed = transport_->outbound->headers(
          std::string_view(*header).substr(0, header->size() < 2 ? 0 : header->size() - 2), why);
      if (!changed) {
        failure = std::move(changed.error());
      } else {
        new_header = std::move(changed->section);
      }
    }
  }
  if (!why.empty()) {
    const std::lock_guard lock(job.message->mutex);
    job.message->ledger.append(why.bytes());
  }
  if (failure) {
    const DeliveryResult deferred{
        .kind = Kind::deferred, .status = "4.3.0", .reply = failure->text, .relay = "none"};
    outbound_.finished(job, std::vector<DeliveryResult>(count, deferred));
    co_return;
  }

  const auto begun = services_.clock.now();
  // A connection that was kept may have been closed by the server meanwhile: that is no failed delivery, and
  // a new one is made.
  for (bool kept = connection_ != nullptr;; kept = false) {
    if (!connection_) {
      auto refusal = co_await connect(job);
      if (refusal) {
        refusal->result.begun = begun;
        refusal->result.connected = refusal->result.ended = services_.clock.now();
        if (refusal->permanent) {
          outbound_.finished(job, std::vector<DeliveryResult>(count, refusal->result));
        } else {
          outbound_.unreachable(*destination_, job, std::move(refusal->result));
        }
        co_return;
      }
    }
    const auto connected = services_.clock.now();
    auto outcomes = co_await transact(job, transaction, new_header);
    const auto ended = services_.clock.now();
    const bool lost_at_once = outcomes.front().kind == Session::Outcome::Kind::lost_before_end &&
                              outcomes.front().phase == Session::Phase::mail;
    std::vector<DeliveryResult> results;
    results.reserve(outcomes.size());
    for (const auto& outcome : outcomes) {
      results.push_back(result_of(outcome));
      results.back().begun = begun;
      results.back().connected = connected;
      results.back().ended = ended;
    }
    const auto after = connection_->session.next();
    if (!std::holds_alternative<Session::Ready>(after)) {
      connection_->stream.abort();
      connection_.reset();
    }
    if (kept && lost_at_once) continue;
    if (std::ranges::any_of(results, [](const auto& r) { return r.kind == Kind::delivered; })) {
      outbound_.destinations().succeeded(*destination_);
    }
    outbound_.finished(job, std::move(results));
    co_return;
  }
}

}  // namespace hikyaku::serve
