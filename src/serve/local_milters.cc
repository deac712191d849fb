#include "serve/local_milters.h"

#include <boost/asio/use_awaitable.hpp>
#include <string>
#include <utility>
#include <vector>

namespace hikyaku::serve {

namespace asio = boost::asio;

asio::awaitable<MilterDecision> tell_local_envelope(MilterChain& chain, const record::QueueEntry& entry,
                                                    Explanation& why) {
  using Kind = MilterDecision::Kind;
  auto& macros = chain.macros();
  macros.set("i", entry.id.text());
  macros.set("_", "localhost [127.0.0.1]");
  for (const auto* name : {"{client_addr}", "{daemon_addr}"}) macros.set(name, "127.0.0.1");
  for (const auto* name : {"{client_name}", "{client_ptr}"}) macros.set(name, "localhost");
  for (const auto* name : {"{client_port}", "{daemon_port}"}) macros.set(name, "0");
  milter::ClientAddress address{milter::ClientAddress::Family::inet, 0, "127.0.0.1"};
  auto decision = co_await chain.connect("localhost", std::move(address));
  if (decision.kind == Kind::go_on) decision = co_await chain.helo("localhost");
  if (decision.kind != Kind::go_on) co_return decision;
  auto sender = entry.sender.text();
  macros.set("{mail_addr}", sender);
  std::vector<std::string> none;
  decision = co_await chain.mail(std::move(sender), none, why);
  for (const auto& recipient : entry.recipients) {
    if (decision.kind != Kind::go_on) co_return decision;
    auto path = recipient.address.text();
    macros.set("{rcpt_addr}", path);
    decision = co_await chain.rcpt(std::move(path), none, milter::ClientSession::Recipient::accepted, why);
  }
  if (decision.kind == Kind::go_on) decision = co_await chain.data(why);
  co_return decision;
}

}  // namespace hikyaku::serve
