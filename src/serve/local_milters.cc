#include "serve/local_milters.h"

#include <boost/asio/use_awaitable.hpp>
#include <string>
#include <utility>
#include <vector>

namespace hikyaku::serve {

namespace asio = boost::asio;

asio::awaitable<MilterDecision> tell_local_envelope(MilterChain& chain, const Running& running,
                                                    const record::QueueEntry& entry, Explanation& why) {
  using Kind = MilterDecision::Kind;
  auto& macros = chain.macros();
  macros.set("_", "localhost [127.0.0.1]");
  macros.set("{client_addr}", "127.0.0.1");
  macros.set("{client_name}", "localhost");
  macros.set("{client_ptr}", "localhost");
  macros.set("{client_port}", "0");
  macros.set("{client_resolve}", "OK");
  milter::ClientAddress address{milter::ClientAddress::Family::inet, 0, "127.0.0.1"};
  auto decision = co_await chain.connect("localhost", std::move(address));
  if (decision.kind == Kind::go_on) decision = co_await chain.helo(running.hostname);
  if (decision.kind != Kind::go_on) co_return decision;
  if (entry.sender.null()) {
    macros.sender("", "", "");
  } else if (const auto resolved = running.addresses->resolve(entry.sender, entry.sender)) {
    macros.sender(resolved->address.internal(), resolved->nexthop, resolved->transport);
  }
  macros.accepted_recipient(entry.id.text());
  std::vector<std::string> none;
  std::string sender = "<" + entry.sender.text() + ">";
  decision = co_await chain.mail(std::move(sender), none, why);
  for (const auto& recipient : entry.recipients) {
    if (decision.kind != Kind::go_on) co_return decision;
    const auto resolved = running.addresses->resolve(entry.sender, recipient.address);
    if (resolved) macros.recipient(resolved->address.internal(), resolved->nexthop, resolved->transport);
    std::string path = "<" + recipient.address.text() + ">";
    decision = co_await chain.rcpt(std::move(path), none, milter::ClientSession::Recipient::accepted, why);
  }
  if (decision.kind == Kind::go_on) decision = co_await chain.data(why);
  co_return decision;
}

}  // namespace hikyaku::serve
