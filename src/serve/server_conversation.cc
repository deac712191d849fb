#include "serve/server_conversation.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/escape.h"
#include "mail/trace.h"
#include "serve/await_commit.h"
#include "serve/free_space.h"
#include "serve/run_lookup.h"

namespace hikyaku::serve {
namespace {

namespace asio = boost::asio;
using smtp::Reply;
using Session = smtp::ServerSession;

constexpr std::size_t kReadSize = 16384;

Reply local_error() { return {451, {4, 3, 0}, "Error: queue file write error"}; }

/// What a full disk, or another trouble of ours that may pass, is answered with (RFC 5321 s. 4.2.3: 452 is
/// insufficient system storage). Never a 5xx: the mail is not at fault.
Reply storage_reply(const Error& error) {
  if (error.fault == Fault::temporary) return {452, {4, 3, 1}, "Insufficient system storage"};
  return local_error();
}

Session::Client session_rules(const Listener& listener, const ClientIdentity& client) {
  Session::Client rules;
  rules.tls = client.tls.has_value();
  const auto ip = table::Ip::parse(client.address);
  const auto in = [&ip](const table::NetworkList& networks) {
    if (!ip || networks.empty()) return false;
    const auto match = networks.match(*ip, nullptr);
    return match && match->has_value();
  };
  rules.ask_unknown = listener.milters != nullptr;
  rules.xclient = in(listener.smtp.xclient_hosts);
  if (!listener.smtp.discard_maps.empty()) {
    // A table that can't answer takes away all that it could have: the session is plain, but goes on.
    const auto found = listener.smtp.discard_maps.find(client.address, nullptr);
    rules.discard = !found   ? smtp::EhloKeywords{0xffff}
                    : *found ? config::ehlo_keywords((*found)->value)
                             : smtp::EhloKeywords{};
  }
  rules.offer_auth = !in(listener.smtp.auth_exceptions);
  return rules;
}

}  // namespace

ServerConversation::ServerConversation(Services& services, std::shared_ptr<const Running> running,
                                       const Listener& listener, io::Stream stream, io::DeadlineSweep& sweep,
                                       io::DovecotAuth* dovecot)
    : services_(services),
      running_(std::move(running)),
      listener_(listener),
      stream_(std::move(stream)),
      client_(ClientIdentity::of(stream_)),
      session_(listener.smtp.session, session_rules(listener, client_)),
      access_(services, *running_, listener, client_),
      authentication_(services, listener, client_, dovecot),
      milters_(services, *running_, listener, client_, session_, sweep) {}

asio::awaitable<void> ServerConversation::run() {
  services_.metrics.connection_opened();
  bool open = true;
  if (listener_.smtp.wrapper_mode) {
    stream_.set_deadline(listener_.smtp.starttls_timeout, "TLS handshake");
    const auto started = co_await stream_.accept_tls(*listener_.tls);
    if (started) {
      client_.tls = stream_.tls();
      session_ = Session(listener_.smtp.session, session_rules(listener_, client_));
    } else {
      log("SSL_accept error from " + client_.text() + ": " + escaped(started.error().text));
      open = false;
    }
  }
  if (open) co_await converse();
  co_await milters_.close();
  co_await stream_.close();
  log("disconnect from " + client_.text());
  services_.metrics.connection_closed();
}

asio::awaitable<bool> ServerConversation::send_output() {
  if (!session_.has_output()) co_return true;
  session_.take_output(output_);
  stream_.set_deadline(listener_.smtp.timeout, "sending a reply");
  const auto sent = co_await stream_.write_all(output_);
  co_return sent.has_value();
}

asio::awaitable<bool> ServerConversation::exchange_bytes() {
  const bool sent = co_await send_output();
  if (!sent) co_return false;
  stream_.set_deadline(listener_.smtp.timeout, "a command");
  // Nothing is set aside for a connection that only waits.
  const auto ready = co_await stream_.wait_readable();
  if (ready) {
    const auto got = co_await stream_.read_some(session_.prepare(kReadSize));
    if (got && *got > 0) {
      session_.commit(*got);
      co_return true;
    }
    if (got) {
      log("lost connection from " + client_.text());
      co_return false;
    }
  }
  const bool stopping = services_.stopping;
  session_.shut_down(
      {421,
       {4, static_cast<std::uint16_t>(stopping ? 3 : 4), 2},
       listener_.smtp.session.hostname + (stopping ? " Service shutting down" : " Error: timeout exceeded")},
      stopping ? "service shutting down" : "timeout");
  co_return true;
}

asio::awaitable<bool> ServerConversation::converse() {
  for (;;) {
    auto event = session_.next();
    if (std::holds_alternative<Session::NeedBytes>(event)) {
      const bool open = co_await exchange_bytes();
      if (!open) co_return false;
    } else if (auto* content = std::get_if<Session::Content>(&event)) {
      co_await handle(*content);
    } else if (auto* sender = std::get_if<Session::Sender>(&event)) {
      co_await handle(*sender);
    } else if (auto* recipient = std::get_if<Session::Recipient>(&event)) {
      co_await handle(*recipient);
    } else if (std::holds_alternative<Session::Data>(event)) {
      co_await begin_data();
    } else if (std::holds_alternative<Session::ContentEnd>(event)) {
      co_await end_message();
    } else if (auto* refused = std::get_if<Session::ContentRefused>(&event)) {
      log("reject: END-OF-MESSAGE from " + client_.text() + ": " + escaped(refused->reply.line()));
      message_.reset();
      milters_.abort();
    } else if (std::holds_alternative<Session::Reset>(event)) {
      forget_transaction();
    } else if (auto* hello = std::get_if<Session::Hello>(&event)) {
      co_await handle(*hello);
    } else if (std::holds_alternative<Session::Connected>(event)) {
      co_await greet();
    } else if (std::holds_alternative<Session::StartTls>(event)) {
      const bool started = co_await start_tls();
      if (!started) co_return false;
    } else if (auto* auth = std::get_if<Session::Auth>(&event)) {
      auto step = co_await authentication_.begin(std::move(auth->mechanism), std::move(auth->initial));
      co_await answer_auth(std::move(step));
    } else if (auto* answer = std::get_if<Session::AuthAnswer>(&event)) {
      auto step = co_await authentication_.answer(std::move(answer->octets));
      co_await answer_auth(std::move(step));
    } else if (std::holds_alternative<Session::AuthCancelled>(event)) {
      authentication_.cancel();
    } else if (auto* verify = std::get_if<Session::Verify>(&event)) {
      auto path = mail::Path::take(verify->text, mail::Path::Form::lenient);
      Reply reply{501, {5, 1, 3}, "Bad recipient address syntax"};
      if (path) reply = co_await access_.verify(path->path.address());
      session_.reply(std::move(reply));
    } else if (auto* etrn = std::get_if<Session::Etrn>(&event)) {
      auto reply = co_await access_.etrn(etrn->text);
      if (reply.success() && !services_.flush_domain(etrn->text))
        reply = Reply{458, {4, 3, 2}, "<" + etrn->text + ">: unable to queue messages"};
      session_.reply(std::move(reply));
    } else if (auto* xclient = std::get_if<Session::Xclient>(&event)) {
      co_await handle(*xclient);
    } else if (auto* unknown = std::get_if<Session::Unknown>(&event)) {
      co_await handle(*unknown);
    } else if (auto* pause = std::get_if<Session::Pause>(&event)) {
      const bool sent = co_await send_output();
      if (!sent) co_return false;
      asio::steady_timer timer(co_await asio::this_coro::executor, pause->time);
      co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    } else if (auto* close = std::get_if<Session::Close>(&event)) {
      co_await send_output();
      if (close->reason != "quit") log(close->reason + " from " + client_.text());
      co_return true;
    }
  }
}

void ServerConversation::log(const std::string& text) const { services_.log.info(listener_.log_tag, text); }

asio::awaitable<void> ServerConversation::greet() {
  co_await access_.look_up_name(client_);
  log("connect from " + client_.text());
  auto reply = co_await access_.connect();
  if (reply.success()) {
    auto refusal = co_await milters_.connect(stream_.local_address(), stream_.local_port());
    if (refusal) reply = *std::move(refusal);
  }
  session_.reply(std::move(reply));
}

asio::awaitable<void> ServerConversation::handle(const Session::Hello& event) {
  client_.helo = event.name;
  auto reply = co_await access_.hello(event.name);
  if (reply.success()) {
    auto refusal = co_await milters_.hello(event);
    if (refusal) reply = *std::move(refusal);
  }
  session_.reply(std::move(reply));
}

asio::awaitable<void> ServerConversation::handle(const Session::Unknown& event) {
  Reply reply{502, {5, 5, 2}, "Error: command not recognized"};
  auto refusal = co_await milters_.unknown(event.command);
  if (refusal) reply = *std::move(refusal);
  session_.reply(std::move(reply));
}

asio::awaitable<bool> ServerConversation::start_tls() {
  const bool sent = co_await send_output();
  if (!sent) co_return false;
  forget_transaction();
  client_.forget_session();
  stream_.set_deadline(listener_.smtp.starttls_timeout, "TLS handshake");
  const auto started = co_await stream_.accept_tls(*listener_.tls);
  if (!started) {
    log("SSL_accept error from " + client_.text() + ": " + escaped(started.error().text));
    co_return false;
  }
  client_.tls = stream_.tls();
  session_.tls_started();
  co_return true;
}

asio::awaitable<void> ServerConversation::answer_auth(AuthenticationStep step) {
  if (auto* challenge = std::get_if<AuthenticationChallenge>(&step)) {
    session_.challenge(challenge->octets);
    co_return;
  }
  if (auto* success = std::get_if<AuthenticationSuccess>(&step)) {
    client_.sasl_user = std::move(success->user);
    client_.sasl_method = std::move(success->mechanism);
    session_.reply({235, {2, 7, 0}, "Authentication successful"});
    co_return;
  }
  auto& failure = std::get<AuthenticationFailure>(step);
  services_.log.warning(listener_.log_tag, client_.text() + ": SASL " + escaped(failure.mechanism) +
                                               " authentication failed: " + escaped(failure.reason));
  if (failure.delay.count() > 0) {
    asio::steady_timer timer(co_await asio::this_coro::executor, failure.delay);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  session_.reply(std::move(failure.reply));
}

void ServerConversation::forget_transaction() {
  envelope_ = {};
  ledger_ = {};
  message_.reset();
  storage_failure_.reset();
  id_.reset();
  milters_.abort();
}

asio::awaitable<void> ServerConversation::handle(Session::Sender& event) {
  forget_transaction();
  if (services_.queue_commits.pressure() == io::GroupCommitter::Pressure::high || !has_room(*running_)) {
    session_.reply({452, {4, 3, 1}, "Insufficient system storage"});
    co_return;
  }
  auto reply = co_await access_.sender(event.path.address(), event.parameters, envelope_, ledger_);
  if (reply.success()) {
    auto refusal = co_await milters_.sender(event, envelope_, ledger_);
    if (refusal) {
      forget_transaction();
      session_.reply(*std::move(refusal));
      co_return;
    }
    envelope_.sender = event.path.release();
    envelope_.parameters = std::move(event.parameters);
  } else {
    log("reject: MAIL from " + client_.text() + ": " + escaped(reply.line()));
  }
  session_.reply(std::move(reply));
}

asio::awaitable<void> ServerConversation::handle(Session::Recipient& event) {
  auto reply = co_await access_.recipient(event.path.address(), envelope_, ledger_);
  auto refusal = co_await milters_.recipient(event, reply.success() ? nullptr : &reply, envelope_, ledger_);
  if (refusal) {
    session_.reply(*std::move(refusal));
    co_return;
  }
  if (reply.success()) {
    if (milters_.sees_message()) begin_queue_id();
    envelope_.recipients.push_back({event.path.release(), std::move(event.parameters)});
  } else {
    refuse_recipient(event.path, reply);
  }
  session_.reply(std::move(reply));
}

void ServerConversation::refuse_recipient(const mail::Path& path, const Reply& reply) {
  services_.metrics.rejected();
  log(fmt::format("NOQUEUE: reject: RCPT from {}: {}; from=<{}> to=<{}> proto={} helo=<{}>", client_.text(),
                  escaped(reply.line()), escaped(envelope_.sender.text()), escaped(path.address().text()),
                  session_.esmtp() ? "ESMTP" : "SMTP", escaped(client_.helo)));
}

asio::awaitable<void> ServerConversation::begin_data() {
  auto reply = co_await access_.data(envelope_, ledger_);
  if (reply.code != 354) {
    session_.reply(std::move(reply));
    co_return;
  }
  auto refusal = co_await milters_.data(envelope_, ledger_);
  if (refusal) {
    session_.reply(*std::move(refusal));
    co_return;
  }
  auto ask = [this] { return listener_.rewriter->header_context(client_.rewrite_facts(), ledger_); };
  const auto context = co_await run_lookup(lookups(), ask);
  if (!context) {
    services_.log.warning(listener_.log_tag, "local_header_rewrite_clients: " + context.error().text);
    session_.reply({451, {4, 3, 0}, "Error: queue file write error"});
    co_return;
  }
  envelope_.context = *context;
  co_await begin_message();
  session_.reply(std::move(reply));
}

record::Client ServerConversation::client_facts() const {
  record::Client client;
  client.address = client_.address;
  client.port = client_.port;
  client.name = client_.name;
  client.helo = client_.helo;
  client.protocol = session_.with_protocol(session_.utf8_transaction());
  client.sasl_method = client_.sasl_method;
  client.sasl_user = client_.sasl_user;
  if (client_.tls) {
    client.tls_version = client_.tls->protocol;
    client.tls_cipher = client_.tls->cipher;
  }
  return client;
}

std::string ServerConversation::trace_header(record::QueueId id, Time now) const {
  const auto queue_id = id.text();
  const std::string only =
      envelope_.recipients.size() == 1 ? envelope_.recipients.front().address.text() : std::string{};
  mail::TraceFacts facts;
  facts.helo = client_.helo;
  facts.client_name = client_.name;
  facts.client_address = client_.address;
  if (client_.tls && listener_.show_tls) {
    facts.tls_protocol = client_.tls->protocol;
    facts.tls_cipher = client_.tls->cipher;
    facts.tls_bits = client_.tls->bits;
  }
  if (listener_.show_sasl_user) facts.sasl_user = client_.sasl_user;
  facts.by = running_->hostname;
  facts.software = "Hikyaku";
  facts.with = session_.with_protocol(session_.utf8_transaction());
  facts.queue_id = queue_id;
  facts.for_recipient = only;
  facts.time = now;
  return mail::received_header(facts);
}

/// Milters are told the id before the message begins.
void ServerConversation::begin_queue_id() {
  if (id_) return;
  id_ = services_.ids.next(services_.clock.now());
  milters_.queue_id(id_->text());
}

asio::awaitable<void> ServerConversation::begin_message() {
  const auto now = services_.clock.now();
  if (!id_) id_ = services_.ids.next(now);
  envelope_.client = client_facts();
  envelope_.filtered = milters_.sees_message();
  if (envelope_.filter.empty()) envelope_.filter = listener_.content_filter;
  log(id_->text() + ": client=" + client_.text() +
      (client_.sasl_user.empty()
           ? std::string{}
           : ", sasl_method=" + client_.sasl_method + ", sasl_username=" + escaped(client_.sasl_user)));
  auto begin = [this, now] {
    return std::make_unique<IncomingMessage>(*listener_.rewriter, services_.blob, *id_, now,
                                             std::move(envelope_), trace_header(*id_, now),
                                             running_->incoming, std::move(ledger_));
  };
  message_ = co_await run_lookup(lookups(), begin);
  envelope_ = {};
  ledger_ = {};
}

asio::awaitable<void> ServerConversation::handle(const Session::Content& event) {
  if (!message_ || storage_failure_) co_return;
  auto take = [this, &event] {
    message_->content(event.octets);
    return message_->must_write();
  };
  const bool must_write = co_await run_lookup(lookups(), take);
  if (!must_write) co_return;
  auto write = [message = message_.get()] { return message->write_out(); };
  auto written = co_await services_.pool.run(std::move(write));
  if (!written) {
    services_.log.error(listener_.log_tag, id_->text() + ": " + written.error().text);
    storage_failure_ = storage_reply(written.error());
  }
}

void ServerConversation::answer_message(const Reply& reply) {
  const auto replies =
      listener_.smtp.session.protocol == smtp::Protocol::lmtp ? session_.accepted_recipients() : 1;
  for (std::size_t i = 0; i < replies; ++i) session_.reply(reply);
}

asio::awaitable<void> ServerConversation::end_message() {
  auto incoming = std::exchange(message_, nullptr);
  if (storage_failure_) {
    answer_message(*std::exchange(storage_failure_, std::nullopt));
  } else {
    co_await take_message(std::move(incoming));
  }
  id_.reset();
  milters_.abort();
}

asio::awaitable<void> ServerConversation::take_message(std::unique_ptr<IncomingMessage> incoming) {
  auto finish = [&incoming] {
    incoming->finish();
    return true;
  };
  co_await run_lookup(lookups(), finish);
  Result<ServerMilters::Outcome> milters = ServerMilters::Outcome{};
  if (!incoming->refusal() && !incoming->discarded()) milters = co_await milters_.message(*incoming);
  for (const auto& note : incoming->notes()) {
    log(fmt::format("{}: {}: {} {}: {}", id_->text(), note.action, note.where, escaped(note.content),
                    escaped(note.text)));
  }
  for (const auto& warning : incoming->warnings())
    services_.log.warning("cleanup", id_->text() + ": " + escaped(warning));
  if (!milters) {
    services_.log.error(listener_.log_tag, id_->text() + ": " + milters.error().text);
    answer_message(storage_reply(milters.error()));
    co_return;
  }
  if (milters->refusal) {
    answer_message(*milters->refusal);
    co_return;
  }
  if (incoming->refusal()) {
    log(id_->text() + ": reject: END-OF-MESSAGE from " + client_.text() + ": " +
        escaped(incoming->refusal()->line()));
    services_.metrics.rejected();
    answer_message(*incoming->refusal());
    co_return;
  }
  const std::string accepted = "Ok: queued as " + id_->text();
  const bool by_milter = milters->fate == ServerMilters::Fate::discard;  // which has told it
  if (incoming->discarded() || by_milter) {
    if (!by_milter) log(id_->text() + ": discard: END-OF-MESSAGE from " + client_.text());
    answer_message({250, {2, 0, 0}, accepted});
    co_return;
  }
  if (incoming->entry().recipients.empty()) {
    log(id_->text() + ": discard: END-OF-MESSAGE from " + client_.text() + ": milters left no recipient");
    answer_message({250, {2, 0, 0}, accepted});
    co_return;
  }
  if (incoming->in_blob()) {
    auto sync = [message = incoming.get()] { return message->sync(); };
    auto synced = co_await services_.pool.run(std::move(sync));
    if (!synced) {
      services_.log.error(listener_.log_tag, id_->text() + ": " + synced.error().text);
      answer_message(storage_reply(synced.error()));
      co_return;
    }
  }
  services_.log.info("cleanup", id_->text() + ": message-id=" + escaped(incoming->message_id()));

  auto active = std::make_shared<ActiveMessage>();
  active->entry = std::move(incoming->entry());
  std::string stored = incoming->take_stored();
  Kv::Batch batch;
  const bool small = active->entry.blob.empty();
  if (small) active->content = std::make_shared<const std::string>(stored);
  const auto change =
      services_.queue.accept(batch, active->entry, std::move(stored), incoming->ledger().bytes());
  remember_arrival(batch, *incoming, active->entry);
  active->stored = active->entry;
  auto committed = co_await commit_synced(services_.queue_commits, std::move(batch));
  if (!committed) {
    services_.log.error(listener_.log_tag, id_->text() + ": queue commit: " + committed.error().text);
    answer_message(storage_reply(committed.error()));
    co_return;
  }
  services_.queue.committed(change);
  services_.metrics.accepted(active->entry.size);
  services_.log.info("qmgr", fmt::format("{}: from=<{}>, size={}, nrcpt={} (queue active)", id_->text(),
                                         escaped(active->entry.sender.text()), active->entry.size,
                                         active->entry.recipients.size()));
  answer_message({250, {2, 0, 0}, accepted});
  services_.admit(std::move(active));
}

void ServerConversation::remember_arrival(Kv::Batch& batch, IncomingMessage& incoming,
                                          const record::QueueEntry& entry) const {
  auto arrival = incoming.take_arrival();
  arrival.client = entry.client;
  arrival.client_name_verified = client_.name_status == policy::NameStatus::ok;
  arrival.port = listener_.port;
  services_.queue.remember_arrival(batch, entry.id, arrival);
}

asio::awaitable<void> ServerConversation::handle(const Session::Xclient& event) {
  forget_transaction();
  auto refusal = client_.override_by(event.attributes);
  if (refusal) {
    session_.reply(std::move(*refusal));
    co_return;
  }
  auto reply = co_await access_.connect();
  if (reply.success()) {
    auto told = co_await milters_.connect(stream_.local_address(), stream_.local_port());
    if (told) reply = *std::move(told);
  }
  session_.reply(std::move(reply));
}

}  // namespace hikyaku::serve
