#include "serve/access_checks.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/escape.h"

namespace hikyaku::serve {
namespace {

namespace asio = boost::asio;
using smtp::Reply;

Reply reply_of(const policy::Refusal& refusal) {
  std::string_view enhanced = refusal.enhanced;
  return {refusal.code, smtp::EnhancedCode::take(enhanced), refusal.text};
}

policy::DnsAnswer::Status status_of(io::DnsReply::Status status) {
  switch (status) {
    case io::DnsReply::Status::found:
      return policy::DnsAnswer::Status::found;
    case io::DnsReply::Status::none:
      return policy::DnsAnswer::Status::none;
    case io::DnsReply::Status::temporary:
      return policy::DnsAnswer::Status::temporary;
    case io::DnsReply::Status::malformed:
      return policy::DnsAnswer::Status::malformed;
  }
  return policy::DnsAnswer::Status::temporary;
}

io::Resolver::Type type_of(policy::DnsQuestion::Type type) {
  switch (type) {
    case policy::DnsQuestion::Type::a:
      return io::Resolver::Type::a;
    case policy::DnsQuestion::Type::aaaa:
      return io::Resolver::Type::aaaa;
    case policy::DnsQuestion::Type::mx:
      return io::Resolver::Type::mx;
    case policy::DnsQuestion::Type::ns:
      return io::Resolver::Type::ns;
    case policy::DnsQuestion::Type::txt:
      return io::Resolver::Type::txt;
  }
  return io::Resolver::Type::a;
}

}  // namespace

AccessChecks::AccessChecks(Services& services, const Running& running, const Listener& listener,
                           const ClientIdentity& client)
    : services_(services),
      running_(running),
      listener_(listener),
      client_(client),
      access_(listener.policy, *running.addresses) {}

AccessChecks::~AccessChecks() {
  if (counted_) services_.client_rates.disconnect(counted_address_, services_.clock.now());
}

asio::awaitable<void> AccessChecks::look_up_name(ClientIdentity& client) {
  if (!listener_.peername_lookup) co_return;
  const auto ip = table::Ip::parse(client.address);
  if (!ip) co_return;
  auto reverse =
      co_await services_.resolver.query(io::Resolver::reverse_name(client.address), io::Resolver::Type::ptr);
  if (reverse.status != io::DnsReply::Status::found) {
    const bool temporary = reverse.status == io::DnsReply::Status::temporary;
    client.name_status = client.reverse_status =
        temporary ? policy::NameStatus::temporary : policy::NameStatus::unknown;
    co_return;
  }
  client.reverse_name = reverse.records.front().text;
  client.reverse_status = policy::NameStatus::ok;
  const auto type = ip->family() == table::Ip::Family::v4 ? io::Resolver::Type::a : io::Resolver::Type::aaaa;
  auto forward = co_await services_.resolver.query(client.reverse_name, type);
  if (forward.status == io::DnsReply::Status::temporary) {
    client.name_status = policy::NameStatus::temporary;
    co_return;
  }
  client.name_status = policy::NameStatus::forged;
  for (const auto& record : forward.records) {
    if (table::Ip::parse(record.text) == ip) {
      client.name = client.reverse_name;
      client.name_status = policy::NameStatus::ok;
    }
  }
}

asio::awaitable<void> AccessChecks::look_up(const policy::DnsQuestion& question) {
  auto reply = co_await services_.resolver.query(question.name, type_of(question.type));
  policy::DnsAnswer answer;
  answer.status = status_of(reply.status);
  for (auto& record : reply.records) answer.records.push_back(std::move(record.text));
  dns_.add(question, std::move(answer));
}

asio::awaitable<policy::Verdict> AccessChecks::decide(Stage stage, policy::Request request,
                                                      Explanation& why) {
  // Each round answers what the last one asked; a rule list asks for a bounded number of things.
  constexpr int kRounds = 50;
  for (int round = 0; round < kRounds; ++round) {
    auto verdict = (access_.*stage)(request, why);
    if (verdict.kind != policy::Verdict::Kind::needs_dns) {
      if (verdict.pause.count() > 0) {
        asio::steady_timer timer(co_await asio::this_coro::executor, verdict.pause);
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
      }
      co_return verdict;
    }
    for (const auto& question : verdict.questions) co_await look_up(question);
  }
  policy::Verdict verdict;
  verdict.kind = policy::Verdict::Kind::refuse;
  verdict.refusal = {451, "4.3.0", "Temporary lookup failure"};
  co_return verdict;
}

Reply AccessChecks::take(policy::Verdict verdict, Reply yes, IncomingEnvelope* envelope) {
  for (const auto& note : verdict.notes) {
    services_.log.info(listener_.log_tag, "NOQUEUE: " + std::string(note.kind) + ": " + client_.text() +
                                              ": " + escaped(note.text));
  }
  for (const auto& warning : verdict.warnings) services_.log.warning(listener_.log_tag, escaped(warning));
  earlier_ = std::move(verdict.deferral);
  if (verdict.kind == policy::Verdict::Kind::refuse) return reply_of(verdict.refusal);
  if (envelope != nullptr && !verdict.actions.empty()) {
    auto& actions = verdict.actions;
    if (actions.hold) {
      envelope->hold = true;
      envelope->hold_reason = std::move(actions.hold_reason);
    }
    envelope->discard = envelope->discard || actions.discard;
    if (!actions.filter.empty()) envelope->filter = std::move(actions.filter);
    if (actions.redirect) envelope->redirect = std::move(actions.redirect);
    for (auto& line : actions.prepend) envelope->prepend.push_back(std::move(line));
    for (auto& address : actions.bcc) envelope->bcc.push_back(std::move(address));
  }
  return yes;
}

asio::awaitable<Reply> AccessChecks::connect() {
  const auto facts = client_.policy_facts();
  if (!counted_) {
    counted_ = true;
    counted_address_ = client_.address;
    if (auto refusal = services_.client_rates.connect(listener_.rates, facts, running_.hostname,
                                                      services_.clock.now())) {
      co_return reply_of(*refusal);
    }
  }
  Explanation unkept;
  policy::Request request{.client = facts, .dns = dns_, .earlier = &earlier_};
  auto verdict = co_await decide(&policy::Access::connection, request, unkept);
  co_return take(std::move(verdict), {220, {}, {}}, nullptr);
}

asio::awaitable<Reply> AccessChecks::hello(const std::string& name) {
  const auto facts = client_.policy_facts();
  helo_ = name;
  Explanation unkept;
  policy::Request request{.client = facts, .dns = dns_, .helo = *helo_, .earlier = &earlier_};
  auto verdict = co_await decide(&policy::Access::hello, request, unkept);
  co_return take(std::move(verdict), {250, {}, {}}, nullptr);
}

asio::awaitable<Reply> AccessChecks::sender(const mail::Address& address,
                                            const mail::MailParameters& parameters,
                                            IncomingEnvelope& envelope, Explanation& why) {
  if (auto refusal = count(policy::ClientRates::Event::message)) co_return *refusal;
  const auto facts = client_.policy_facts();
  smtputf8_ = parameters.smtputf8;
  policy::Request request{
      .client = facts, .dns = dns_, .sender = &address, .smtputf8 = smtputf8_, .earlier = &earlier_};
  if (helo_) request.helo = *helo_;
  auto verdict = co_await decide(&policy::Access::sender, request, why);
  co_return take(std::move(verdict), {250, {2, 1, 0}, "Ok"}, &envelope);
}

asio::awaitable<Reply> AccessChecks::recipient(const mail::Address& address, IncomingEnvelope& envelope,
                                               Explanation& why) {
  if (auto refusal = count(policy::ClientRates::Event::recipient)) co_return *refusal;
  const auto facts = client_.policy_facts();
  policy::Request request{.client = facts,
                          .dns = dns_,
                          .sender = &envelope.sender,
                          .recipient = &address,
                          .accepted_recipients = envelope.recipients.size(),
                          .smtputf8 = smtputf8_,
                          .discarding = envelope.discard,
                          .earlier = &earlier_};
  if (helo_) request.helo = *helo_;
  auto verdict = co_await decide(&policy::Access::recipient, request, why);
  co_return take(std::move(verdict), {250, {2, 1, 5}, "Ok"}, &envelope);
}

asio::awaitable<Reply> AccessChecks::data(IncomingEnvelope& envelope, Explanation& why) {
  const auto facts = client_.policy_facts();
  policy::Request request{.client = facts,
                          .dns = dns_,
                          .sender = &envelope.sender,
                          .accepted_recipients = envelope.recipients.size(),
                          .smtputf8 = smtputf8_,
                          .discarding = envelope.discard,
                          .earlier = &earlier_};
  if (helo_) request.helo = *helo_;
  if (envelope.recipients.size() == 1) request.recipient = &envelope.recipients.front().address;
  auto verdict = co_await decide(&policy::Access::data, request, why);
  co_return take(std::move(verdict), {354, {}, {}}, &envelope);
}

asio::awaitable<Reply> AccessChecks::end_of_data(IncomingEnvelope& envelope, Explanation& why) {
  const auto facts = client_.policy_facts();
  policy::Request request{.client = facts,
                          .dns = dns_,
                          .sender = &envelope.sender,
                          .accepted_recipients = envelope.recipients.size(),
                          .smtputf8 = smtputf8_,
                          .discarding = envelope.discard,
                          .earlier = &earlier_};
  if (helo_) request.helo = *helo_;
  if (envelope.recipients.size() == 1) request.recipient = &envelope.recipients.front().address;
  auto verdict = co_await decide(&policy::Access::end_of_data, request, why);
  co_return take(std::move(verdict), {250, {}, {}}, &envelope);
}

asio::awaitable<Reply> AccessChecks::etrn(const std::string& domain) {
  const auto facts = client_.policy_facts();
  Explanation unkept;
  policy::Request request{.client = facts, .dns = dns_, .etrn = domain, .earlier = &earlier_};
  if (helo_) request.helo = *helo_;
  auto verdict = co_await decide(&policy::Access::etrn, request, unkept);
  co_return take(std::move(verdict), {250, {2, 0, 0}, "Queuing started"}, nullptr);
}

asio::awaitable<Reply> AccessChecks::verify(const mail::Address& address) {
  const auto facts = client_.policy_facts();
  Explanation unkept;
  const mail::Address nobody;
  policy::Request request{
      .client = facts, .dns = dns_, .sender = &nobody, .recipient = &address, .earlier = &earlier_};
  if (helo_) request.helo = *helo_;
  auto verdict = co_await decide(&policy::Access::verify, request, unkept);
  co_return take(std::move(verdict), {252, {2, 0, 0}, address.text()}, nullptr);
}

std::optional<Reply> AccessChecks::count(policy::ClientRates::Event event) {
  const auto refusal =
      services_.client_rates.count(event, listener_.rates, client_.policy_facts(), services_.clock.now());
  if (!refusal) return std::nullopt;
  return reply_of(*refusal);
}

}  // namespace hikyaku::serve
