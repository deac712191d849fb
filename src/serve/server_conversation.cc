#include "serve/server_conversation.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/escape.h"
#include "serve/free_space.h"
#include "serve/run_lookup.h"

namespace hikyaku::serve {
namespace {

namespace asio = boost::asio;
using smtp::Reply;
using Session = smtp::ServerSession;

constexpr std::size_t kReadSize = 16384;

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
      greylist_(services, *running_, listener, client_),
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
      greylist_.abort();
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
    co_await greylist_.connect(stream_.local_address(), stream_.local_port());
    auto refusal = co_await milters_.connect(stream_.local_address(), stream_.local_port());
    if (refusal) reply = *std::move(refusal);
  }
  session_.reply(std::move(reply));
}

asio::awaitable<void> ServerConversation::handle(const Session::Hello& event) {
  client_.helo = event.name;
  auto reply = co_await access_.hello(event.name);
  if (reply.success()) {
    greylist_.hello();
    auto refusal = co_await milters_.hello(event);
    if (refusal) reply = *std::move(refusal);
  }
  session_.reply(std::move(reply));
}

asio::awaitable<void> ServerConversation::handle(const Session::Unknown& event) {
  Reply reply{502, {5, 5, 2}, "Error: command not recognized"};
  auto refusal = co_await milters_.unknown(event.command, envelope_);
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
  greylist_.abort();
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
    greylist_.sender(event.path.address());
    envelope_.sender = event.path.release();
    envelope_.parameters = std::move(event.parameters);
  } else {
    log("reject: MAIL from " + client_.text() + ": " + escaped(reply.line()));
  }
  session_.reply(std::move(reply));
}

asio::awaitable<void> ServerConversation::handle(Session::Recipient& event) {
  auto reply = co_await access_.recipient(event.path.address(), envelope_, ledger_);
  if (reply.success() && !envelope_.discard) {
    auto put_off = co_await greylist_.recipient(event.path.address(), ledger_);
    if (put_off) reply = *std::move(put_off);
  }
  auto refusal = co_await milters_.recipient(event, reply.success() ? nullptr : &reply, envelope_, ledger_);
  if (refusal) {
    session_.reply(*std::move(refusal));
    co_return;
  }
  if (reply.success()) {
    if (milters_.sees_message() || greylist_.active()) begin_queue_id();
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
    services_.metrics.rejected();
    log(fmt::format("NOQUEUE: reject: DATA from {}: {}; from=<{}> proto={} helo=<{}>", client_.text(),
                    escaped(reply.line()), escaped(envelope_.sender.text()),
                    session_.esmtp() ? "ESMTP" : "SMTP", escaped(client_.helo)));
    session_.reply(std::move(reply));
    co_return;
  }
  auto refusal = co_await greylist_.data(envelope_, ledger_);
  if (refusal) {
    log("reject: DATA from " + client_.text() + ": " + escaped(refusal->line()));
    services_.metrics.rejected();
  } else {
    refusal = co_await milters_.data(envelope_, ledger_);
  }
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

asio::awaitable<void> ServerConversation::handle(const Session::Xclient& event) {
  forget_transaction();
  auto refusal = client_.override_by(event.attributes);
  if (refusal) {
    session_.reply(std::move(*refusal));
    co_return;
  }
  auto reply = co_await access_.connect();
  if (reply.success()) {
    co_await greylist_.connect(stream_.local_address(), stream_.local_port());
    auto told = co_await milters_.connect(stream_.local_address(), stream_.local_port());
    if (told) reply = *std::move(told);
  }
  session_.reply(std::move(reply));
}

}  // namespace hikyaku::serve
