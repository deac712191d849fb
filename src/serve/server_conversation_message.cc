// The message of a transaction: from the answer to DATA to the answer to its end.
#include <fmt/format.h>

#include <boost/asio/use_awaitable.hpp>

#include "base/escape.h"
#include "mail/trace.h"
#include "serve/await_commit.h"
#include "serve/check_log.h"
#include "serve/run_lookup.h"
#include "serve/server_conversation.h"

namespace hikyaku::serve {
namespace {

namespace asio = boost::asio;
using smtp::Reply;

Reply local_error() { return {451, {4, 3, 0}, "Error: queue file write error"}; }

/// What a full disk, or another trouble of ours that may pass, is answered with (RFC 5321 s. 4.2.3: 452 is
/// insufficient system storage). Never a 5xx: the mail is not at fault.
Reply storage_reply(const Error& error) {
  if (error.fault == Fault::temporary) return {452, {4, 3, 1}, "Insufficient system storage"};
  return local_error();
}

}  // namespace

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
  greylist_.queue_id(id_->text());
  milters_.queue_id(id_->text());
}

asio::awaitable<void> ServerConversation::begin_message() {
  const auto now = services_.clock.now();
  if (!id_) id_ = services_.ids.next(now);
  envelope_.client = client_facts();
  envelope_.filtered = milters_.sees_message() || greylist_.sees_message();
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

void ServerConversation::log_checks(const IncomingMessage& incoming) const {
  const auto id = id_->text(), client = client_.text();
  auto facts = incoming.envelope_facts() + (session_.esmtp() ? " proto=ESMTP" : " proto=SMTP");
  if (!client_.helo.empty()) facts += " helo=<" + escaped(client_.helo) + ">";
  for (const auto& note : incoming.notes())
    services_.log.info("cleanup", check_line({id, client, facts}, note));
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
  greylist_.abort();
  milters_.abort();
}

/// smtpd_end_of_data_restrictions, before milters and header checks as in Postfix. True: it was refused, and
/// answered.
asio::awaitable<bool> ServerConversation::refused_at_end(IncomingMessage& incoming) {
  auto reply = co_await access_.end_of_data(incoming.envelope(), incoming.ledger());
  if (reply.success()) co_return false;
  log(id_->text() + ": reject: END-OF-MESSAGE from " + client_.text() + ": " + escaped(reply.line()) + ";" +
      incoming.envelope_facts() + (session_.esmtp() ? " proto=ESMTP" : " proto=SMTP") + " helo=<" +
      escaped(client_.helo) + ">");
  services_.metrics.rejected();
  note_ledger(incoming);
  answer_message(reply);
  co_return true;
}

asio::awaitable<void> ServerConversation::take_message(std::unique_ptr<IncomingMessage> incoming) {
  const bool refused = co_await refused_at_end(*incoming);
  if (refused) co_return;
  auto finish = [&incoming] {
    incoming->finish();
    return true;
  };
  co_await run_lookup(lookups(), finish);
  Result<ServerMilters::Outcome> milters = ServerMilters::Outcome{};
  if (!incoming->refusal() && !incoming->discarded()) {
    auto greylist = co_await greylist_.message(*incoming);
    if (!greylist) {
      milters = std::unexpected(std::move(greylist.error()));
    } else if (*greylist) {
      incoming->refuse(**std::move(greylist));
    } else {
      milters = co_await milters_.message(*incoming);
    }
  }
  log_checks(*incoming);
  for (const auto& warning : incoming->warnings())
    services_.log.warning("cleanup", id_->text() + ": " + escaped(warning));
  if (!milters) {
    services_.log.error(listener_.log_tag, id_->text() + ": " + milters.error().text);
    answer_message(storage_reply(milters.error()));
    co_return;
  }
  if (milters->refusal) {
    note_ledger(*incoming);
    answer_message(*milters->refusal);
    co_return;
  }
  if (incoming->refusal()) {
    note_ledger(*incoming);
    log(id_->text() + ": reject: END-OF-MESSAGE from " + client_.text() + ": " +
        escaped(incoming->refusal()->line()));
    services_.metrics.rejected();
    answer_message(*incoming->refusal());
    co_return;
  }
  const std::string accepted = "Ok: queued as " + id_->text();
  const bool by_milter = milters->fate == ServerMilters::Fate::discard;  // which has told it
  if (incoming->discarded() || by_milter || incoming->entry().recipients.empty()) note_ledger(*incoming);
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

/// Of a message that is not queued: what was decided is told by `why` all the same. Nobody waits for it.
void ServerConversation::note_ledger(IncomingMessage& incoming) const {
  Kv::Batch batch;
  services_.queue.note(batch, *id_, services_.clock.now(), incoming.ledger().bytes());
  services_.queue_commits.commit_later(std::move(batch));
}

void ServerConversation::remember_arrival(Kv::Batch& batch, IncomingMessage& incoming,
                                          const record::QueueEntry& entry) const {
  auto arrival = incoming.take_arrival();
  arrival.client = entry.client;
  arrival.client_name_verified = client_.name_status == policy::NameStatus::ok;
  arrival.port = listener_.port;
  services_.queue.remember_arrival(batch, entry.id, arrival);
}

}  // namespace hikyaku::serve
