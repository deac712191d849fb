#include "serve/rehearsal.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "base/blob.h"
#include "policy/access.h"
#include "serve/access_decision.h"
#include "serve/greylist_rehearsal.h"
#include "serve/header_facts.h"
#include "serve/incoming_message.h"
#include "serve/local_recipients.h"
#include "serve/milter_chain.h"
#include "serve/server_greylist.h"

namespace hikyaku::serve {
namespace {

namespace asio = boost::asio;

/// Nothing is written: the whole message stays in memory.
class NoBlob : public Blob {
 public:
  Result<std::unique_ptr<Writer>> put(std::string_view) override { return refused(); }
  Result<std::string> get(std::string_view, std::uint64_t, std::size_t) const override { return refused(); }
  Result<void> remove(std::string_view) override { return refused(); }
  Result<std::vector<std::string>> names() const override { return refused(); }

 private:
  static std::unexpected<Error> refused() {
    return fail(Fault::permanent, "a message that is only explained is not written to a file");
  }
};

const smtp::Reply kReady{220, {}, "ready"}, kOk{250, {}, "Ok"}, kSenderOk{250, {2, 1, 0}, "Ok"},
    kRecipientOk{250, {2, 1, 5}, "Ok"}, kGoOn{354, {}, "End data with <CR><LF>.<CR><LF>"};

/// One message on its way through the listener's rules.
class Stage {
 public:
  Stage(const Running& running, const Listener& listener, io::Resolver& resolver, RehearsalRequest& request,
        Time now)
      : running_(running),
        listener_(listener),
        resolver_(resolver),
        request_(request),
        access_(listener.policy, *running.addresses),
        now_(now) {}

  asio::awaitable<Rehearsal> run() {
    const bool let_in = co_await take_envelope();
    if (let_in) co_await take_content();
    co_return std::move(result_);
  }

 private:
  using Access = policy::Access;

  policy::Request request(const policy::Client& client) const {
    policy::Request made{.client = client,
                         .dns = dns_,
                         .accepted_recipients = envelope_.recipients.size(),
                         .discarding = envelope_.discard,
                         .earlier = &earlier_};
    if (!request_.client.helo.empty()) made.helo = request_.client.helo;
    return made;
  }

  asio::awaitable<bool> ask(std::string command, AccessStage stage, policy::Request request,
                            const smtp::Reply& yes) {
    auto verdict = co_await decide_access(nullptr, resolver_, dns_, access_, stage, request, result_.why);
    earlier_ = std::move(verdict.deferral);
    const bool good = verdict.kind != policy::Verdict::Kind::refuse;
    if (good) take_actions(std::move(verdict.actions), envelope_);
    result_.answers.push_back({std::move(command), good ? yes : reply_of(verdict.refusal)});
    co_return good;
  }

  asio::awaitable<bool> take_envelope() {
    if (request_.look_up_name && listener_.peername_lookup)
      co_await look_up_client_name(resolver_, request_.client);
    const auto client = request_.client.policy_facts();
    auto good = co_await ask("(connection)", &Access::connection, request(client), kReady);
    if (!good) co_return false;
    if (!request_.client.helo.empty()) {
      good = co_await ask("EHLO " + request_.client.helo, &Access::hello, request(client), kOk);
      if (!good) co_return false;
    }
    auto sender = request(client);
    sender.sender = &request_.sender;
    good = co_await ask("MAIL FROM:<" + request_.sender.text() + ">", &Access::sender, sender, kSenderOk);
    if (!good) co_return false;
    envelope_.sender = request_.sender;
    if (listener_.greylists) {
      greylist_ =
          std::make_unique<GreylistRehearsal>(running_.greylist.rules, hub_learning(running_.files.main),
                                              resolver_, request_.client, running_.hostname, now_);
      co_await greylist_->sender(request_.sender, result_.why);
    }
    for (const auto& address : request_.recipients) {
      auto recipient = request(client);
      recipient.sender = &request_.sender;
      recipient.recipient = &address;
      good = co_await ask("RCPT TO:<" + address.text() + ">", &Access::recipient, recipient, kRecipientOk);
      if (good && greylist_) good = co_await ask_greylist(address);
      if (good) envelope_.recipients.push_back({address, {}});
    }
    if (envelope_.recipients.empty()) co_return false;
    good = co_await ask("DATA", &Access::data, with_envelope(client), kGoOn);
    co_return good;
  }

  /// What is put off now passes when it comes again: the rest of its way is explained too.
  asio::awaitable<bool> ask_greylist(const mail::Address& address) {
    const auto verdict = co_await greylist_->recipient(address, result_.why);
    if (verdict.passes()) co_return true;
    auto& answer = result_.answers.back().reply;
    answer = greylist_reply(verdict);
    co_return verdict.kind == greylist::Verdict::Kind::tempfail;
  }

  policy::Request with_envelope(const policy::Client& client) const {
    auto made = request(client);
    made.sender = &request_.sender;
    if (envelope_.recipients.size() == 1) made.recipient = &envelope_.recipients.front().address;
    return made;
  }

  asio::awaitable<void> take_content() {
    auto context = listener_.rewriter->header_context(request_.client.rewrite_facts(), result_.why);
    if (!context) co_return answer_end({451, {4, 3, 0}, "Temporary lookup failure: " + context.error().text});
    const auto client = request_.client.policy_facts();
    auto after = with_envelope(client);
    const auto good = co_await ask("(end of data)", &Access::end_of_data, after, kOk);
    if (!good) co_return;
    result_.answers.pop_back();
    envelope_.context = std::move(*context);
    if (envelope_.filter.empty()) envelope_.filter = listener_.content_filter;
    auto limits = running_.incoming;
    limits.small_body = SIZE_MAX;
    NoBlob nowhere;
    IncomingMessage message(*listener_.rewriter, nowhere, {}, now_, std::move(envelope_), {}, limits,
                            std::exchange(result_.why, {}));
    message.content(request_.message);
    message.finish();
    result_.why = std::move(message.ledger());
    if (message.refusal()) co_return answer_end(*message.refusal());
    if (!message.discarded()) name_milters();
    answer_end({250, {2, 0, 0}, "Ok: queued"});
    result_.accepted = true;
    result_.discarded = message.discarded();
    const auto entry = message.entry();
    const auto stored = message.take_stored();
    result_.header = stored.substr(0, static_cast<std::size_t>(entry.header_size));
    result_.sender = entry.sender;
    if (entry.hold) result_.hold_reason = entry.hold_reason.empty() ? "held" : entry.hold_reason;
    if (result_.discarded) co_return;
    route::Router::Message routing(*running_.router, entry.sender);
    for (const auto& recipient : entry.recipients)
      result_.deliveries.push_back(route(routing, entry, recipient));
  }

  /// Nobody is asked for a message that there is not.
  void name_milters() {
    if (!listener_.milters) return;
    const auto found = MilterSet::of_client(listener_.milters, request_.client.address);
    if (!found.warning.empty())
      result_.why.add({.step = "milter.message",
                       .rule = "smtpd_milter_maps",
                       .origin = listener_.milters->settings().by_client_origin,
                       .keys = {},
                       .failed = "the table answers",
                       .operand = found.warning,
                       .outcome = "those of smtpd_milters are asked"});
    for (const auto& filter : found.set->filters())
      result_.why.add({.step = "milter.message",
                       .rule = filter.name,
                       .origin = filter.origin,
                       .keys = {},
                       .failed = filter.fault.empty() ? "the message is there" : "the filter can be asked",
                       .operand = filter.fault.empty() ? "only explained" : filter.fault,
                       .outcome = filter.fault.empty() ? "would be asked" : "its default action would hold"});
  }

  void answer_end(smtp::Reply reply) { result_.answers.push_back({".", std::move(reply)}); }

  Rehearsal::Delivery route(route::Router::Message& routing, const record::QueueEntry& entry,
                            const record::Recipient& recipient) {
    Rehearsal::Delivery delivery;
    delivery.address = recipient.address;
    delivery.original = recipient.original;
    auto& why = result_.why;
    const auto route = entry.filter.empty() ? routing.resolve(recipient.address, why)
                                            : running_.router->filter(entry.filter, recipient.address, why);
    if (!route) {
      delivery.failure = route.error().text;
      return delivery;
    }
    if (!route->recipient.null()) delivery.address = route->recipient;
    const auto rewrites_sender = running_.rewrites_sender(entry.sender, recipient, *route, why);
    if (!rewrites_sender) {
      delivery.failure = rewrites_sender.error().text;
      return delivery;
    }
    delivery.transport = route->transport;
    delivery.nexthop = route->nexthop;
    const auto* transport = running_.transport(route->transport);
    if (transport == nullptr) {
      delivery.failure = "there is no service '" + route->transport + "' in master.cf";
    } else if (transport->role == config::Service::Role::local) {
      end_here(entry, recipient, *transport, delivery);
    } else if (transport->outbound) {
      const auto sender =
          *rewrites_sender ? running_.sender_rewriting->sender(entry.sender, now_, why) : entry.sender;
      send(entry, sender, *transport, delivery);
    }
    return delivery;
  }

  void end_here(const record::QueueEntry& entry, const record::Recipient& recipient,
                const Transport& transport, Rehearsal::Delivery& delivery) {
    auto resolved = recipient;
    resolved.address = delivery.address;
    const auto delivered_to = read_header(result_.header).delivered_to;
    auto plan = transport.command == "local"
                    ? plan_local(running_, entry.sender, resolved, delivered_to, now_, result_.why)
                    : plan_virtual(resolved, delivered_to, result_.why);
    delivery.mailboxes = std::move(plan.mailboxes);
    delivery.forwards = std::move(plan.forwards);
    delivery.commands = std::move(plan.commands);
    if (plan.failure) delivery.failure = plan.failure->status + " " + plan.failure->reply;
  }

  void send(const record::QueueEntry& entry, const mail::Address& sender, const Transport& transport,
            Rehearsal::Delivery& delivery) {
    const auto mapped = [&](const mail::Address& address, std::string_view which) {
      if (!transport.outbound->changes_addresses()) return address;
      auto result = transport.outbound->address(address, which, result_.why);
      if (result) return std::move(*result);
      delivery.failure = result.error().text;
      return address;
    };
    delivery.sent_sender = mapped(sender, "sender");
    delivery.sent_to = mapped(delivery.address, "recipient");
    if (transport.outbound->changes_headers()) {
      // Without the empty line at its end.
      auto changed = transport.outbound->headers(
          std::string_view(result_.header).substr(0, result_.header.size() - 2), result_.why);
      if (!changed) {
        delivery.failure = changed.error().text;
      } else {
        delivery.sent_header = std::move(changed->section);
      }
    }
    const auto hops = route::NextHop::parse_list(delivery.nexthop, route::NextHop::Protocol::smtp);
    if (!hops || hops->empty()) return;
    const auto& host = hops->front().name();
    const auto tls = transport.tls_policy.decide(delivery.nexthop, host, &result_.why);
    if (!tls) delivery.failure = "TLS policy lookup: " + tls.error().text;
    const auto login = transport.login(entry.sender, host, delivery.nexthop, *running_.router, result_.why);
    if (!login) {
      delivery.failure = login.error().text;
    } else if (*login) {
      delivery.login = (*login)->user;
    }
  }

  const Running& running_;
  const Listener& listener_;
  io::Resolver& resolver_;
  RehearsalRequest& request_;
  policy::Access access_;
  DnsFacts dns_;
  std::optional<policy::Refusal> earlier_;
  Time now_;
  std::unique_ptr<GreylistRehearsal> greylist_;
  IncomingEnvelope envelope_;
  Rehearsal result_;
};

}  // namespace

asio::awaitable<Rehearsal> rehearse(const Running& running, const Listener& listener, io::Resolver& resolver,
                                    RehearsalRequest request, Time now) {
  Stage stage(running, listener, resolver, request, now);
  co_return co_await stage.run();
}

}  // namespace hikyaku::serve
