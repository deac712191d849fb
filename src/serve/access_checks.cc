#include "serve/access_checks.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/escape.h"
#include "serve/access_decision.h"

namespace hikyaku::serve {
namespace {

namespace asio = boost::asio;
using smtp::Reply;

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
  if (listener_.peername_lookup) co_await look_up_client_name(services_.resolver, client);
}

asio::awaitable<policy::Verdict> AccessChecks::decide(AccessStage stage, policy::Request request,
                                                      Explanation& why) {
  auto verdict = co_await decide_access(services_.lookups_for(running_), services_.resolver, dns_, access_,
                                        stage, request, why);
  if (verdict.pause.count() > 0) {
    asio::steady_timer timer(co_await asio::this_coro::executor, verdict.pause);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
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
  if (envelope != nullptr && !verdict.actions.empty()) take_actions(std::move(verdict.actions), *envelope);
  return yes;
}

asio::awaitable<Reply> AccessChecks::connect() {
  const auto facts = client_.policy_facts();
  // XCLIENT makes another client of it, which counts then in place of the proxy.
  if (!counted_ || counted_address_ != client_.address) {
    if (counted_) services_.client_rates.disconnect(counted_address_, services_.clock.now());
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
                          .discarding = envelope.discard && !envelope.filter_discards,
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
                          .discarding = envelope.discard && !envelope.filter_discards,
                          .earlier = &earlier_};
  if (helo_) request.helo = *helo_;
  if (envelope.recipients.size() == 1) request.recipient = &envelope.recipients.front().address;
  auto verdict = co_await decide(&policy::Access::data, request, why);
  co_return take(std::move(verdict), {354, {}, {}}, &envelope);
}

asio::awaitable<Reply> AccessChecks::end_of_data(IncomingEnvelope& envelope, Explanation& why) {
  if (listener_.policy->end_of_data.empty()) co_return Reply{250, {}, {}};
  const auto facts = client_.policy_facts();
  policy::Request request{.client = facts,
                          .dns = dns_,
                          .sender = &envelope.sender,
                          .accepted_recipients = envelope.recipients.size(),
                          .smtputf8 = smtputf8_,
                          .discarding = envelope.discard && !envelope.filter_discards,
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
