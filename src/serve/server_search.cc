#include "serve/server_search.h"

#include <fmt/format.h>

#include <utility>

#include "table/ip.h"

namespace hikyaku::serve {
namespace {

namespace asio = boost::asio;
using Search = route::DestinationSearch;

Search::Answer::Status status_of(io::DnsReply::Status status) {
  switch (status) {
    case io::DnsReply::Status::found:
      return Search::Answer::Status::found;
    case io::DnsReply::Status::none:
      return Search::Answer::Status::none;
    case io::DnsReply::Status::temporary:
      return Search::Answer::Status::temporary;
    case io::DnsReply::Status::malformed:
      break;
  }
  return Search::Answer::Status::malformed;
}

asio::awaitable<Search::Answer> ask(io::Resolver& resolver, Search::Question question, bool native) {
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
  answer.status = status_of(reply.status);
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

std::string Server::relay(const std::string& hostname) const {
  return path.empty() ? fmt::format("{}[{}]:{}", target.host, target.address.text(), target.port)
                      : fmt::format("{}[{}]", hostname, path);
}

ServerSearch::ServerSearch(io::Resolver& resolver, Random& random, const Transport& transport,
                           std::string next_hop)
    : resolver_(resolver), random_(random), transport_(transport) {
  const auto protocol = transport.protocol == smtp::Protocol::lmtp ? route::NextHop::Protocol::lmtp
                                                                   : route::NextHop::Protocol::smtp;
  auto hops = route::NextHop::parse_list(next_hop, protocol);
  // As Postfix, what stands behind the first next hop is only looked at when it is needed: "[host]:25 #
  // remark" works.
  if (!hops) hops = route::NextHop::parse_list(next_hop.substr(0, next_hop.find_first_of(" \t")), protocol);
  if (!hops) {
    failure_ = ServerRefusal{.result = {.kind = DeliveryResult::Kind::bounced,
                                        .status = "5.1.2",
                                        .reply = "bad next hop: " + hops.error().text,
                                        .relay = "none"},
                             .permanent = true};
    return;
  }
  hops_ = std::move(*hops);
  hops_.insert(hops_.end(), transport.fallback.begin(), transport.fallback.end());
}

asio::awaitable<std::optional<Server>> ServerSearch::next() {
  for (;;) {
    if (next_target_ < targets_.size()) co_return Server{.target = targets_[next_target_++], .path = {}};
    if (next_hop_ == hops_.size()) co_return std::nullopt;
    const auto& hop = hops_[next_hop_++];
    if (hop.kind() == route::NextHop::Kind::unix) co_return Server{.target = {}, .path = hop.name()};
    co_await look_up(hop);
  }
}

void ServerSearch::session_opened() {
  const auto limit = transport_.client.session_limit;
  if (limit != 0 && ++sessions_ >= limit) next_target_ = targets_.size();
}

asio::awaitable<void> ServerSearch::look_up(const route::NextHop& hop) {
  route::DestinationSearch search(hop, transport_.search);
  while (!search.questions().empty()) {
    const auto questions = search.questions();
    for (const auto& question : questions) {
      auto answer = co_await ask(resolver_, question, transport_.native_lookup);
      search.answer(question, std::move(answer));
    }
  }
  auto found = search.result(random_);
  targets_ = std::move(found.targets);
  next_target_ = 0;
  sessions_ = 0;
  if (!targets_.empty() || !found.unreachable) co_return;
  // Also for a domain that does not exist the search goes on: smtp_fallback_relay may know it.
  auto& why = *found.unreachable;
  if (why.permanent && next_hop_ > 1) {
    // What is behind the first is smtp_fallback_relay, or the rest of a relayhost: set by the administrator,
    // who can mend it. The mail is not at fault.
    why = {.permanent = false, .status = "4.3.5", .text = "configuration error: " + why.text};
  }
  failure_ = ServerRefusal{
      .result = {.kind = why.permanent ? DeliveryResult::Kind::bounced : DeliveryResult::Kind::deferred,
                 .status = why.status,
                 .reply = why.text,
                 .relay = "none"},
      .permanent = why.permanent};
}

}  // namespace hikyaku::serve
