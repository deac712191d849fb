#include "serve/pop3_conversation.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/escape.h"
#include "serve/await_commit.h"
#include "serve/mailbox_databases.h"
#include "serve/mailbox_name.h"
#include "store/messages.h"

namespace hikyaku::serve {
namespace {

namespace asio = boost::asio;
using Session = access::Pop3Session;

constexpr std::size_t kReadSize = 1024;  // commands are short
constexpr std::size_t kScanRows = 4096;
constexpr int kUpdateTries = 5;  // each other session that deletes at the same time costs one

/// What a failed login is told (RFC 3206 s. 4): whether another password would help.
std::string refusal_text(const smtp::Reply& reply) {
  if (reply.temporary()) return "[SYS/TEMP] temporary authentication failure";
  if (reply.code == 535) return "[AUTH] authentication failed";
  return "malformed authentication message";
}

/// What a failure of ours is told, never with its text: that is for the log.
std::string refusal_text(const Error& error) {
  switch (error.fault) {
    case Fault::not_found:
      return "the message is not there any more";
    case Fault::temporary:
      return "[SYS/TEMP] not now";
    default:
      return "[SYS/PERM] the mailbox store could not do it";
  }
}

}  // namespace

Pop3Conversation::Pop3Conversation(Services& services, std::shared_ptr<const Running> running,
                                   const Listener& listener, io::Stream stream, io::DovecotAuth* dovecot)
    : services_(services),
      running_(std::move(running)),
      listener_(listener),
      stream_(std::move(stream)),
      client_(ClientIdentity::of(stream_)),
      session_(listener.pop3->session, {}),
      authentication_(services, listener, client_, dovecot) {}

Pop3Conversation::~Pop3Conversation() {
  if (counted_) services_.client_rates.disconnect(counted_address_, services_.clock.now());
}

asio::awaitable<void> Pop3Conversation::run() {
  log("connect from " + client_.text());
  const bool open = co_await begin();
  if (open) co_await converse();
  lease_.reset();
  co_await stream_.close();
  log_end();
}

asio::awaitable<bool> Pop3Conversation::begin() {
  if (listener_.pop3->wrapper_mode) {
    stream_.set_deadline(listener_.pop3->starttls_timeout, "TLS handshake");
    const auto started = co_await stream_.accept_tls(*listener_.tls);
    if (!started) {
      log("SSL_accept error from " + client_.text() + ": " + escaped(started.error().text));
      co_return false;
    }
    client_.tls = stream_.tls();
    session_ = Session(listener_.pop3->session, Session::Client{.tls = true});
  }
  if (!count_connection()) session_.shut_down("[SYS/TEMP] too many connections", "too many connections");
  co_return true;
}

/// The limits are those of the SMTP server, for connections of both together.
bool Pop3Conversation::count_connection() {
  counted_ = true;
  counted_address_ = client_.address;
  return !services_.client_rates.connect(listener_.rates, client_.policy_facts(), running_->hostname,
                                         services_.clock.now());
}

asio::awaitable<bool> Pop3Conversation::send_output() {
  if (!session_.has_output()) co_return true;
  const auto output = session_.take_output();
  stream_.set_deadline(listener_.pop3->timeout, "sending an answer");
  const auto sent = co_await stream_.write_all(output);
  if (!sent) log("lost connection from " + client_.text());
  co_return sent.has_value();
}

asio::awaitable<bool> Pop3Conversation::exchange_bytes() {
  const bool sent = co_await send_output();
  if (!sent) co_return false;
  stream_.set_deadline(listener_.pop3->timeout, "a command");
  // Nothing is set aside for a connection that only waits.
  std::string problem;
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
    problem = got.error().text;
  } else {
    problem = ready.error().text;
  }
  session_.shut_down({}, services_.stopping ? "service shutting down" : escaped(problem));
  co_return true;
}

asio::awaitable<void> Pop3Conversation::converse() {
  for (;;) {
    auto event = session_.next();
    bool open = true;
    if (std::holds_alternative<Session::NeedBytes>(event)) {
      open = co_await exchange_bytes();
    } else if (std::holds_alternative<Session::Send>(event)) {
      open = co_await send_output();
    } else if (const auto* part = std::get_if<Session::Read>(&event)) {
      co_await handle(*part);
    } else if (auto* auth = std::get_if<Session::Auth>(&event)) {
      auto step = co_await authentication_.begin(std::move(auth->mechanism), std::move(auth->initial));
      co_await answer_auth(std::move(step));
    } else if (auto* answer = std::get_if<Session::AuthAnswer>(&event)) {
      auto step = co_await authentication_.answer(std::move(answer->octets));
      co_await answer_auth(std::move(step));
    } else if (std::holds_alternative<Session::AuthCancelled>(event)) {
      authentication_.cancel();
    } else if (std::holds_alternative<Session::StartTls>(event)) {
      open = co_await start_tls();
    } else if (auto* update = std::get_if<Session::Update>(&event)) {
      co_await handle(std::move(*update));
    } else if (const auto* close = std::get_if<Session::Close>(&event)) {
      // Whoever reads the answer may be back at once.
      lease_.reset();
      co_await send_output();
      if (close->reason != "quit") log(close->reason + " from " + client_.text());
      co_return;
    }
    if (!open) co_return;
  }
}

asio::awaitable<bool> Pop3Conversation::start_tls() {
  const bool sent = co_await send_output();
  if (!sent) co_return false;
  authentication_.cancel();
  stream_.set_deadline(listener_.pop3->starttls_timeout, "TLS handshake");
  const auto started = co_await stream_.accept_tls(*listener_.tls);
  if (!started) {
    log("SSL_accept error from " + client_.text() + ": " + escaped(started.error().text));
    co_return false;
  }
  client_.tls = stream_.tls();
  session_.tls_started();
  co_return true;
}

// ---- login ----

asio::awaitable<void> Pop3Conversation::answer_auth(AuthenticationStep step) {
  if (auto* challenge = std::get_if<AuthenticationChallenge>(&step)) {
    session_.challenge(challenge->octets);
    co_return;
  }
  if (auto* success = std::get_if<AuthenticationSuccess>(&step)) {
    co_await log_in(std::move(*success));
    co_return;
  }
  auto& failure = std::get<AuthenticationFailure>(step);
  services_.log.warning(listener_.log_tag, client_.text() + ": SASL " + escaped(failure.mechanism) +
                                               " authentication failed: " + escaped(failure.reason));
  if (failure.delay.count() > 0) {
    asio::steady_timer timer(co_await asio::this_coro::executor, failure.delay);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  session_.refuse(refusal_text(failure.reply));
}

asio::awaitable<void> Pop3Conversation::log_in(AuthenticationSuccess who) {
  auto name = [running = running_, user = who.user] { return mailbox_of_login(*running, user); };
  auto mailbox = co_await services_.pool.run(std::move(name));
  if (!mailbox) {
    refuse(mailbox.error(), "find the mailbox");
    co_return;
  }
  mailbox_ = std::move(*mailbox);
  if (!listener_.pop3->shared) {
    auto lease = services_.mailbox_locks.take(mailbox_);
    if (!lease) {
      log("user=<" + escaped(who.user) + "> from " + client_.text() + ": the mailbox is in use");
      session_.refuse("[IN-USE] the mailbox is in use by another session");
      co_return;
    }
    lease_.emplace(std::move(*lease));
  }
  auto database = services_.mailboxes.use_for(store::account_of(mailbox_));
  if (!database) {
    lease_.reset();
    refuse(database.error(), "open the mailbox");
    co_return;
  }
  database_ = std::move(*database);
  auto list = [this] { return list_messages(); };
  auto maildrop = co_await services_.pool.run(std::move(list));
  if (!maildrop) {
    lease_.reset();
    refuse(maildrop.error(), "list the mailbox");
    co_return;
  }
  client_.sasl_user = std::move(who.user);
  client_.sasl_method = std::move(who.mechanism);
  services_.log.info(listener_.log_tag + "/login",
                     fmt::format("user=<{}>, method={}, rip={}{}", escaped(client_.sasl_user),
                                 escaped(client_.sasl_method), client_.address, client_.tls ? ", TLS" : ""));
  session_.open(std::move(*maildrop));
}

/// Who never got mail has an empty mailbox.
Result<access::Maildrop> Pop3Conversation::list_messages() const {
  const auto& store = *database_->store;
  const auto mailbox = store.find_mailbox(mailbox_);
  if (!mailbox && mailbox.error().fault == Fault::not_found) return access::Maildrop();
  if (!mailbox) return std::unexpected(mailbox.error());
  std::vector<access::Maildrop::Message> messages;
  // How many they are is a hint: else it grows by itself.
  constexpr std::uint64_t kMostReserved = 2'000'000;
  if (const auto counts = store.counts(mailbox_)) messages.reserve(std::min(counts->messages, kMostReserved));
  for (std::optional<store::Uid> from = 1; from;) {
    const auto listing = store.scan(mailbox_, *from, kScanRows);
    if (!listing) return std::unexpected(listing.error());
    for (const auto& item : listing->items) messages.push_back({item.uid, false, item.size()});
    for (const auto& damaged : listing->damaged) {
      services_.log.error(listener_.log_tag, "message " + std::to_string(damaged.uid) + " of mailbox " +
                                                 escaped(mailbox_) +
                                                 " is left out: " + escaped(damaged.error.text));
    }
    from = listing->next;
  }
  return access::Maildrop(mailbox->uid_validity, std::move(messages));
}

// ---- messages ----

asio::awaitable<void> Pop3Conversation::handle(Session::Read event) {
  auto work = [this, event] { return read(event); };
  const auto octets = co_await services_.pool.run(std::move(work));
  if (octets) {
    session_.content(*octets);
  } else {
    refuse(octets.error(), "read message " + std::to_string(event.uid));
  }
}

/// On the pool, while the conversation waits for it.
Result<std::string> Pop3Conversation::read(const Session::Read& event) {
  if (event.offset == 0 || !item_ || item_->uid != event.uid) {
    auto found = database_->store->find(mailbox_, event.uid);
    if (!found) return std::unexpected(std::move(found.error()));
    item_ = std::move(*found);
  }
  auto octets = database_->store->read(*item_, event.offset, event.length);
  if (octets && octets->empty())
    return fail(Fault::corrupt, "the body ends before octet " + std::to_string(event.offset));
  return octets;
}

asio::awaitable<void> Pop3Conversation::handle(Session::Update event) {
  const auto wanted = event.uids.size();
  std::size_t done = 0;
  const auto removed = co_await remove(std::move(event.uids), done);
  lease_.reset();
  if (removed) {
    session_.updated();
    co_return;
  }
  services_.log.error(listener_.log_tag, "user=<" + escaped(client_.sasl_user) +
                                             ">: delete messages: " + escaped(removed.error().text));
  // They are still there, and the next session may try again.
  session_.refuse(
      done == 0 ? std::string("[SYS/TEMP] no message could be deleted")
                : fmt::format("[SYS/TEMP] {} of {} messages could not be deleted", wanted - done, wanted));
}

/// In batches as large as the store takes them: one for nearly everybody, so that after a crash all are there
/// or none is.
asio::awaitable<Result<void>> Pop3Conversation::remove(std::vector<std::uint32_t> uids, std::size_t& done) {
  while (done < uids.size()) {
    const auto count = std::min(uids.size() - done, store::kMostAtOnce);
    const auto first = uids.begin() + static_cast<std::ptrdiff_t>(done);
    std::vector<std::uint32_t> piece(first, first + static_cast<std::ptrdiff_t>(count));
    auto removed = co_await remove_piece(std::move(piece));
    if (!removed) co_return removed;
    done += count;
  }
  co_return Result<void>();
}

asio::awaitable<Result<void>> Pop3Conversation::remove_piece(std::vector<std::uint32_t> uids) {
  struct Composed {
    Kv::Batch batch;
    store::Expunged expunged;
  };
  Result<void> committed;
  for (int tries = 0; tries < kUpdateTries; ++tries) {
    auto compose = [this, &uids]() -> Result<Composed> {
      Composed composed{{}, store::Expunged{store::Change(nullptr), 0, {}, {}, {}}};
      const auto kept = services_.running()->mailbox_rules().keeps_removed(mailbox_);
      auto expunged = store::expunge(*database_->store, composed.batch, mailbox_, uids,
                                     kept ? std::optional(services_.clock.now()) : std::nullopt);
      if (!expunged) return std::unexpected(std::move(expunged.error()));
      composed.expunged = std::move(*expunged);
      return composed;
    };
    auto composed = co_await services_.pool.run(std::move(compose));
    if (!composed) co_return std::unexpected(std::move(composed.error()));
    if (composed->batch.empty()) co_return Result<void>();
    committed = co_await commit_synced(*database_->commits, std::move(composed->batch));
    if (!committed && committed.error().fault == Fault::not_found) continue;
    if (!committed) co_return committed;
    composed->expunged.change.committed();
    services_.pool.post([services = &services_, database = database_, tag = listener_.log_tag,
                         blobs = std::move(composed->expunged.unused_blobs)] {
      for (const auto& name : blobs) {
        if (auto removed = database->blob->remove(name); !removed)
          services->log.warning(tag, escaped(removed.error().text));
      }
    });
    co_return Result<void>();
  }
  co_return committed;
}

// ---- what is told ----

void Pop3Conversation::refuse(const Error& error, std::string_view doing) {
  if (error.fault != Fault::not_found) {
    services_.log.error(listener_.log_tag,
                        fmt::format("mailbox {}: {}: {}", escaped(mailbox_), doing, escaped(error.text)));
  }
  session_.refuse(refusal_text(error));
}

void Pop3Conversation::log(const std::string& text) const { services_.log.info(listener_.log_tag, text); }

void Pop3Conversation::log_end() const {
  if (client_.sasl_user.empty()) return log("disconnect from " + client_.text());
  const auto& totals = session_.totals();
  log(fmt::format("user=<{}> disconnected: retr={}/{}, del={}/{}", escaped(client_.sasl_user),
                  totals.retrieved, totals.retrieved_octets, totals.deleted, session_.maildrop().size()));
}

}  // namespace hikyaku::serve
