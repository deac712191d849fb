#include "serve/outbound.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/escape.h"
#include "io/thread_confinement.h"
#include "serve/mailbox_delivery.h"
#include "serve/notices.h"

namespace hikyaku::serve {
namespace {

constexpr std::size_t kScanLimit = 1000;
constexpr std::chrono::seconds kScanInterval{5};

using Kind = DeliveryResult::Kind;

DeliveryResult deferred(std::string status, std::string reply) {
  return {.kind = Kind::deferred, .status = std::move(status), .reply = std::move(reply), .relay = "none"};
}

/// Two digits that count, as in Postfix's log.
std::string delay_text(double seconds) {
  if (seconds < 0.0005) return "0";
  return seconds < 100 ? fmt::format("{:.2g}", seconds) : fmt::format("{:.0f}", seconds);
}

std::string_view outcome_text(Kind kind) {
  switch (kind) {
    case Kind::delivered:
      return "sent";
    case Kind::deferred:
      return "deferred";
    case Kind::bounced:
      return "bounced";
  }
  return "?";
}

void apply(record::Recipient& recipient, const DeliveryResult& result) {
  ++recipient.attempts;
  recipient.status = result.status;
  recipient.reply = result.reply;
  switch (result.kind) {
    case Kind::delivered:
      recipient.state = record::RecipientState::delivered;
      break;
    case Kind::bounced:
      recipient.state = record::RecipientState::bounced;
      break;
    case Kind::deferred:
      break;
  }
}

std::size_t recipient_limit(const Running& running, std::string_view name) {
  const auto* transport = running.transport(name);
  return transport == nullptr ? 1 : transport->limits.destination_recipient_limit;
}

bool any_pending(const record::QueueEntry& entry) {
  return std::ranges::any_of(entry.recipients,
                             [](const auto& r) { return r.state == record::RecipientState::pending; });
}

}  // namespace

Outbound::Outbound(Services& services, StartWorker start)
    : services_(services), destinations_(std::move(start)) {}

std::size_t Outbound::active() const {
  const std::lock_guard lock(mutex_);
  return active_.size();
}

void Outbound::admit(std::shared_ptr<ActiveMessage> message) {
  if (message->entry.hold || stopping_) return;
  {
    const std::lock_guard lock(mutex_);
    if (active_.size() >= services_.running()->active_limit) {
      more_waiting_ = true;
      return;
    }
    if (!active_.emplace(message->entry.id.value(), message).second) return;
  }
  // Routing may wait for a server.
  if (auto* lookups = services_.lookups_for(*services_.running())) {
    lookups->post([this, message = std::move(message)] { dispatch(message); });
  } else {
    dispatch(message);
  }
}

Time Outbound::scan() {
  const auto now = services_.clock.now();
  const auto limit = services_.running()->active_limit;
  std::optional<queue::Queue::Due> after;
  for (;;) {
    if (stopping_ || active() >= limit) break;
    auto rows = services_.queue.due(now, kScanLimit, after);
    if (!rows) {
      services_.log.error("qmgr", "read the queue's time index: " + rows.error().text);
      break;
    }
    for (const auto& row : *rows) {
      {
        const std::lock_guard lock(mutex_);
        if (active_.contains(row.id.value())) continue;
        if (active_.size() >= limit) return now + kScanInterval;
      }
      auto entry = services_.queue.load(row.id);
      if (!entry) {
        // A row without its message is what a removal leaves that ran between the two reads.
        if (entry.error().fault != Fault::not_found) {
          services_.log.error("qmgr", row.id.text() + ": " + entry.error().text);
        }
        continue;
      }
      auto message = std::make_shared<ActiveMessage>();
      message->stored = *entry;
      message->entry = std::move(*entry);
      admit(std::move(message));
    }
    if (rows->size() < kScanLimit) break;
    after = rows->back();
  }
  destinations_.forget_expired(now);
  const auto next = services_.queue.next_due(now);
  if (next && *next && **next < now + kScanInterval) return **next;
  return now + kScanInterval;
}

std::vector<Outbound::Group> Outbound::route_recipients(ActiveMessage& message, const Running& running,
                                                        std::vector<std::size_t>& failed,
                                                        std::vector<DeliveryResult>& failures) {
  std::vector<Group> groups;
  route::Router::Message routing(*running.router, message.entry.sender);
  for (std::size_t i = 0; i < message.entry.recipients.size(); ++i) {
    const auto& recipient = message.entry.recipients[i];
    if (recipient.state != record::RecipientState::pending) continue;
    auto route = message.entry.filter.empty()
                     ? routing.resolve(recipient.address, message.ledger)
                     : running.router->filter(message.entry.filter, recipient.address, message.ledger);
    if (!route) {
      failed.push_back(i);
      failures.push_back(deferred("4.3.0", "address resolution: " + route.error().text));
      continue;
    }
    const auto rewrites_sender =
        running.rewrites_sender(message.entry.sender, recipient, *route, message.ledger);
    if (!rewrites_sender) {
      failed.push_back(i);
      failures.push_back(deferred("4.3.0", "address resolution: " + rewrites_sender.error().text));
      continue;
    }
    if (!route->recipient.null()) message.entry.recipients[i].address = route->recipient;
    const auto same = std::ranges::find_if(groups, [&](const Group& group) {
      return group.route.transport == route->transport && group.route.nexthop == route->nexthop &&
             group.rewrites_sender == *rewrites_sender &&
             group.recipients.size() < recipient_limit(running, group.route.transport);
    });
    if (same != groups.end()) {
      same->recipients.push_back(i);
    } else {
      groups.push_back({std::move(*route), {i}, *rewrites_sender});
    }
  }
  return groups;
}

void Outbound::dispatch(const std::shared_ptr<ActiveMessage>& message) {
  const auto running = services_.running();
  std::vector<std::size_t> failed;
  std::vector<DeliveryResult> failures;
  std::vector<Group> groups;
  {
    const std::lock_guard lock(message->mutex);
    message->entry.last_attempt = services_.clock.now();
    ++message->entry.attempts;
    groups = route_recipients(*message, *running, failed, failures);
    message->open_jobs = groups.size() + 1;  // one for this function, so that nothing settles before its end
  }
  for (auto& group : groups) {
    const auto* transport = running->transport(group.route.transport);
    Job job{message, std::move(group.recipients), group.rewrites_sender,
            transport != nullptr && transport->soft_bounce};
    if (transport == nullptr) {
      const auto result =
          deferred("4.3.0", fmt::format("mail transport unavailable: there is no service '{}' in master.cf",
                                        group.route.transport));
      finish_without_delivery(job, result);
      continue;
    }
    if (std::ranges::find(running->deferred_transports, group.route.transport) !=
        running->deferred_transports.end()) {
      finish_without_delivery(job, deferred("4.3.2", "deferred transport"));
      continue;
    }
    hand_over(*running, *transport, group.route, std::move(job));
  }
  finished({message, std::move(failed)}, std::move(failures));
}

void Outbound::hand_over(const Running& running, const Transport& transport, const route::Route& route,
                         Job job) {
  switch (transport.role) {
    case config::Service::Role::smtp_client:
    case config::Service::Role::lmtp_client: {
      const auto now = services_.clock.now();
      const Job copy = job;
      if (auto suspended =
              destinations_.add(route.transport, route.nexthop, transport.limits, std::move(job), now)) {
        finish_without_delivery(copy,
                                deferred("4.4.1", "delivery temporarily suspended: " + suspended->reason));
      }
      return;
    }
    case config::Service::Role::local: {
      const bool whole_address = transport.command != "local";
      const auto& stored = job.message->stored;
      std::optional<HeaderFacts> header;
      if (io::thread_is_confined() && job.message->content) {
        header = read_header(
            std::string_view(*job.message->content).substr(0, static_cast<std::size_t>(stored.header_size)));
      }
      services_.pool.post([this, whole_address, job = std::move(job), header = std::move(header)]() mutable {
        const auto current = services_.running();
        deliver_to_mailboxes(
            services_, *current, whole_address, job, std::move(header),
            [this, job](std::vector<DeliveryResult> results) { finished(job, std::move(results)); });
      });
      return;
    }
    case config::Service::Role::discard: {
      DeliveryResult result{
          .kind = Kind::delivered, .status = "2.0.0", .reply = route.nexthop, .relay = "none"};
      return finish_without_delivery(job, result);
    }
    case config::Service::Role::error: {
      std::string_view text = route.nexthop;
      const auto code = smtp::EnhancedCode::take(text);
      const bool retry = transport.name == "retry" || code.status == 4;
      DeliveryResult result{.kind = retry ? Kind::deferred : Kind::bounced,
                            .status = code.none() ? (retry ? "4.0.0" : "5.0.0") : code.text(),
                            .reply = std::string(text),
                            .relay = "none"};
      return finish_without_delivery(job, result);
    }
    case config::Service::Role::smtp_server:
    case config::Service::Role::pop3_server:
    case config::Service::Role::pickup:
    case config::Service::Role::inner:
    case config::Service::Role::unsupported:
      return finish_without_delivery(
          job, deferred("4.3.5",
                        fmt::format(
                            "mail transport unavailable: '{}' ({}) runs a command that the hub does not have",
                            transport.name, running.sources->text(transport.origin))));
  }
}

void Outbound::finish_without_delivery(const Job& job, const DeliveryResult& result) {
  finished(job, std::vector<DeliveryResult>(job.recipients.size(), result));
}

void Outbound::finished(const Job& job, std::vector<DeliveryResult> results) {
  bool all = false;
  {
    ActiveMessage& message = *job.message;
    const std::lock_guard lock(message.mutex);
    for (std::size_t i = 0; i < job.recipients.size(); ++i) {
      auto& recipient = message.entry.recipients[job.recipients[i]];
      const bool softened = job.soft_bounce && results[i].kind == Kind::bounced;
      if (softened) {
        results[i].kind = Kind::deferred;
        if (results[i].status.starts_with('5')) results[i].status.front() = '4';
      }
      apply(recipient, results[i]);
      if (results[i].in_mailbox) message.in_mailbox.push_back(job.recipients[i]);
      if (results[i].kind == Kind::delivered && results[i].tells_sender) recipient.reported = true;
      message.ledger.add({.step = "deliver",
                          .rule = results[i].relay,
                          .origin = {},
                          .keys = {},
                          .failed = {},
                          .operand = recipient.address.internal(),
                          .outcome = fmt::format("{}{}: {} {}", outcome_text(results[i].kind),
                                                 softened ? ", and not bounced (soft_bounce)" : "",
                                                 results[i].status, results[i].reply)});
      // The word is Postfix's.
      log_result(message, recipient, results[i], softened ? "SOFTBOUNCE" : outcome_text(results[i].kind));
    }
    all = --message.open_jobs == 0;
  }
  if (all) settle(job.message);
}

void Outbound::unreachable(DestinationQueue::Destination& destination, const Job& job,
                           DeliveryResult result) {
  const auto until = services_.clock.now() + services_.running()->retry.minimal_backoff;
  auto waiting = destinations_.suspend(destination, result.reply, until);
  finish_without_delivery(job, result);
  result.reply = "delivery temporarily suspended: " + result.reply;
  for (const auto& other : waiting) finish_without_delivery(other, result);
}

void Outbound::log_result(const ActiveMessage& message, const record::Recipient& recipient,
                          const DeliveryResult& result, std::string_view outcome) {
  const auto now = services_.clock.now();
  const auto seconds = [](Time from, Time to) {
    return delay_text(std::chrono::duration<double>(to - from).count());
  };
  // As Postfix tells them: before this attempt, in line for it, connecting, and handing over.
  const bool talked = result.begun != Time{};
  const auto begun = talked ? result.begun : now;
  const auto connected = talked ? result.connected : now;
  std::string line = message.entry.id.text();
  line += ": to=<" + escaped(recipient.address.text()) + ">";
  if (recipient.original != recipient.address)
    line += ", orig_to=<" + escaped(recipient.original.text()) + ">";
  line += fmt::format(
      ", relay={}, delay={}, delays={}/{}/{}/{}, dsn={}, status={} ({})", escaped(result.relay),
      seconds(message.entry.arrival, now), seconds(message.entry.arrival, message.entry.last_attempt),
      seconds(message.entry.last_attempt, begun), seconds(begun, connected),
      seconds(connected, talked ? result.ended : now), result.status, outcome, escaped(result.reply));
  services_.log.info("smtp", line);
  services_.metrics.delivery(result.kind);
}

void Outbound::give_up_if_expired(ActiveMessage& message, const Running& running, Time now) {
  auto& entry = message.entry;
  const auto lifetime = entry.sender.null() ? running.retry.bounce_lifetime : running.retry.lifetime;
  if (now - entry.arrival < lifetime) return;
  for (auto& recipient : entry.recipients) {
    if (recipient.state != record::RecipientState::pending) continue;
    recipient.state = record::RecipientState::bounced;
    // A 4.x.x that never went away is a permanent failure now (RFC 3464 s. 2.3.4): 5.4.7 is "delivery time
    // expired".
    recipient.status = "5.4.7";
    recipient.reply = "message expired: " + recipient.reply;
    message.ledger.add({.step = "retry.lifetime",
                        .rule = entry.sender.null() ? "bounce_queue_lifetime" : "maximal_queue_lifetime",
                        .origin = running.retry.lifetime_origin,
                        .keys = {},
                        .failed = {},
                        .operand = recipient.address.internal(),
                        .outcome = "returned to sender: too long in the queue"});
    services_.log.info("qmgr", entry.id.text() + ": from=<" + escaped(entry.sender.text()) +
                                   ">, status=expired, returned to sender");
  }
}

void Outbound::settle(std::shared_ptr<ActiveMessage> message) {
  const auto running = services_.running();
  const auto now = services_.clock.now();
  bool notices = false;
  {
    const std::lock_guard lock(message->mutex);
    auto& entry = message->entry;
    if (message->removal_asked) {
      for (auto& recipient : entry.recipients) {
        if (recipient.state == record::RecipientState::pending)
          recipient.state = record::RecipientState::expanded;
      }
    }
    if (any_pending(entry)) give_up_if_expired(*message, *running, now);
    notices = !owed_notices(entry, mail::DsnAction::failed, message->in_mailbox).empty() ||
              !owed_notices(entry, mail::DsnAction::relayed, message->in_mailbox).empty() ||
              !owed_notices(entry, mail::DsnAction::delivered, message->in_mailbox).empty();
    if (any_pending(entry)) {
      const auto warning = running->retry.delay_warning;
      const bool warn = warning.count() > 0 && !entry.warned && now - entry.arrival > warning;
      notices =
          notices || (warn && !owed_notices(entry, mail::DsnAction::delayed, message->in_mailbox).empty());
      entry.next_attempt = running->retry.next_attempt(entry.arrival, now);
      if (message->hold_asked) {
        entry.hold = true;
        entry.hold_reason = "held by the administrator";
      }
    }
  }
  if (notices) {
    services_.pool.post(
        [this, message = std::move(message)]() mutable { settle_with_notices(std::move(message)); });
  } else {
    commit_end(std::move(message), {}, {});
  }
}

void Outbound::settle_with_notices(std::shared_ptr<ActiveMessage> message) {
  const auto running = services_.running();
  const auto now = services_.clock.now();
  std::vector<Notice> notices;
  {
    const std::lock_guard lock(message->mutex);
    auto& entry = message->entry;
    std::string read;
    std::string_view content;
    if (message->content) {
      content = *message->content;
    } else {
      // Only what a notice may return: all of a small message, of a large one its headers.
      const auto wanted = entry.size <= running->bounce_size_limit ? entry.size : entry.header_size;
      auto octets = services_.queue.read_body(message->stored, 0, static_cast<std::size_t>(wanted));
      if (octets) read = std::move(*octets);
      content = read;
    }
    for (const auto action : {mail::DsnAction::failed, mail::DsnAction::relayed, mail::DsnAction::delivered,
                              mail::DsnAction::delayed}) {
      if (action == mail::DsnAction::delayed) {
        const auto warning = running->retry.delay_warning;
        if (warning.count() == 0 || entry.warned || now - entry.arrival <= warning) continue;
        entry.warned = true;
      }
      const auto owed = owed_notices(entry, action, message->in_mailbox);
      if (owed.empty()) continue;
      NoticeFacts facts;
      facts.hostname = running->hostname;
      facts.recipient = entry.sender;
      facts.size_limit = running->bounce_size_limit;
      facts.id = services_.ids.next(now);
      facts.now = now;
      if (action == mail::DsnAction::delayed) facts.retry_until = entry.arrival + running->retry.lifetime;
      notices.push_back(io::by_reader([&] { return make_notice(entry, owed, action, content, facts); }));
      message->ledger.add({.step = "notice",
                           .rule = action == mail::DsnAction::failed    ? "bounce"
                                   : action == mail::DsnAction::delayed ? "delay notice"
                                                                        : "success notice",
                           .origin = {},
                           .keys = {},
                           .failed = {},
                           .operand = entry.sender.internal(),
                           .outcome = "sent as " + facts.id.text()});
      services_.log.info("bounce", fmt::format("{}: sender {} notification: {}", entry.id.text(),
                                               action == mail::DsnAction::failed    ? "non-delivery"
                                               : action == mail::DsnAction::delayed ? "delay"
                                                                                    : "delivery status",
                                               facts.id.text()));
      if (action == mail::DsnAction::delayed) continue;
      for (const auto index : owed) entry.recipients[index].reported = true;
    }
  }
  if (notices.empty() || !running->notice_milters) {
    commit_end(std::move(message), {}, std::move(notices));
    return;
  }
  filter_notices_(running, std::move(notices),
                  [this, message = std::move(message)](std::vector<Notice> left) {
                    commit_end(message, {}, std::move(left));
                  });
}

void Outbound::commit_end(std::shared_ptr<ActiveMessage> message, Kv::Batch batch,
                          std::vector<Notice> notices) {
  const auto now = services_.clock.now();
  const bool ends = !any_pending(message->entry);
  std::vector<queue::Queue::Change> changes;
  changes.push_back(
      ends ? services_.queue.finish(batch, message->stored, now, message->ledger.bytes())
           : services_.queue.update(batch, message->stored, message->entry, now, message->ledger.bytes()));
  std::vector<std::shared_ptr<ActiveMessage>> made;
  for (auto& notice : notices) {
    auto one = std::make_shared<ActiveMessage>();
    one->entry = std::move(notice.entry);
    changes.push_back(services_.queue.accept(batch, one->entry, notice.content, notice.why.bytes()));
    one->stored = one->entry;
    one->content = std::make_shared<const std::string>(std::move(notice.content));
    made.push_back(std::move(one));
  }
  const auto id = message->entry.id;
  if (ends) services_.log.info("qmgr", id.text() + ": removed");
  const bool synced = !made.empty();
  auto done = [this, id, ends, changes = std::move(changes),
               made = std::move(made)](Result<void> result) mutable {
    forget(id);
    if (!result) {
      services_.log.error("qmgr", id.text() + ": write down what was delivered: " + result.error().text);
      return;
    }
    for (const auto& change : changes) {
      services_.queue.committed(change);
      if (!change.unused_blob.empty()) {
        services_.pool.post([this, name = change.unused_blob] {
          if (auto removed = services_.blob.remove(name); !removed)
            services_.log.warning("qmgr", removed.error().text);
        });
      }
    }
    for (auto& one : made) admit(std::move(one));
    if (!ends && wake_) wake_();
  };
  // What was delivered may be written down a little later: at worst it is delivered twice after a crash. A
  // notice is mail that we have taken on ourselves, so it must be on the disk.
  if (synced) {
    services_.queue_commits.submit(std::move(batch), std::move(done));
  } else {
    services_.queue_commits.commit_later(std::move(batch), std::move(done));
  }
}

void Outbound::forget(record::QueueId id) {
  bool room = false;
  {
    const std::lock_guard lock(mutex_);
    active_.erase(id.value());
    room = more_waiting_ && active_.size() == services_.running()->active_limit / 2;
    if (room) more_waiting_ = false;
  }
  if (room && wake_) wake_();
}

bool Outbound::ask_removal(record::QueueId id) {
  std::shared_ptr<ActiveMessage> message;
  {
    const std::lock_guard lock(mutex_);
    const auto found = active_.find(id.value());
    if (found == active_.end()) return false;
    message = found->second;
  }
  const std::lock_guard lock(message->mutex);
  message->removal_asked = true;
  return true;
}

bool Outbound::ask_hold(record::QueueId id) {
  std::shared_ptr<ActiveMessage> message;
  {
    const std::lock_guard lock(mutex_);
    const auto found = active_.find(id.value());
    if (found == active_.end()) return false;
    message = found->second;
  }
  const std::lock_guard lock(message->mutex);
  message->hold_asked = true;
  return true;
}

bool Outbound::is_active(record::QueueId id) const {
  const std::lock_guard lock(mutex_);
  return active_.contains(id.value());
}

void Outbound::flush() {
  destinations_.resume_all();
  if (wake_) wake_();
}

}  // namespace hikyaku::serve
