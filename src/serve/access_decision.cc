#include "serve/access_decision.h"

#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "serve/dns_lookup.h"
#include "serve/run_lookup.h"

namespace hikyaku::serve {
namespace asio = boost::asio;

asio::awaitable<policy::Verdict> decide_access(io::WorkerPool* lookups, io::Resolver& resolver, DnsFacts& dns,
                                               const policy::Access& access, AccessStage stage,
                                               policy::Request request, Explanation& why) {
  // Each round answers what the last one asked; a rule list asks for a bounded number of things.
  constexpr int kRounds = 50;
  for (int round = 0; round < kRounds; ++round) {
    auto ask = [&] { return (access.*stage)(request, why); };
    auto verdict = co_await run_lookup(lookups, ask);
    if (verdict.kind != policy::Verdict::Kind::needs_dns) co_return verdict;
    for (const auto& question : verdict.questions) co_await look_up(resolver, dns, question);
  }
  policy::Verdict verdict;
  verdict.kind = policy::Verdict::Kind::refuse;
  verdict.refusal = {451, "4.3.0", "Temporary lookup failure"};
  co_return verdict;
}

asio::awaitable<void> look_up_client_name(io::Resolver& resolver, ClientIdentity& client) {
  const auto ip = table::Ip::parse(client.address);
  if (!ip) co_return;
  auto reverse = co_await resolver.query(io::Resolver::reverse_name(client.address), io::Resolver::Type::ptr);
  if (reverse.status != io::DnsReply::Status::found) {
    const bool temporary = reverse.status == io::DnsReply::Status::temporary;
    client.name_status = client.reverse_status =
        temporary ? policy::NameStatus::temporary : policy::NameStatus::unknown;
    co_return;
  }
  client.reverse_name = reverse.records.front().text;
  client.reverse_status = policy::NameStatus::ok;
  const auto type = ip->family() == table::Ip::Family::v4 ? io::Resolver::Type::a : io::Resolver::Type::aaaa;
  auto forward = co_await resolver.query(client.reverse_name, type);
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

smtp::Reply reply_of(const policy::Refusal& refusal) {
  std::string_view enhanced = refusal.enhanced;
  return {refusal.code, smtp::EnhancedCode::take(enhanced), refusal.text};
}

void take_actions(policy::Actions actions, IncomingEnvelope& envelope) {
  if (actions.hold) {
    envelope.hold = true;
    envelope.hold_reason = std::move(actions.hold_reason);
  }
  envelope.discard = envelope.discard || actions.discard;
  if (!actions.filter.empty()) envelope.filter = std::move(actions.filter);
  if (actions.redirect) envelope.redirect = std::move(actions.redirect);
  for (auto& line : actions.prepend) envelope.prepend.push_back(std::move(line));
  for (auto& address : actions.bcc) envelope.bcc.push_back(std::move(address));
}

}  // namespace hikyaku::serve
