#include "serve/dkim_lookup.h"

#include <boost/asio/this_coro.hpp>
#include <chrono>

#include "base/dns.h"
#include "serve/dns_lookups.h"

namespace hikyaku::serve {
namespace {

constexpr std::chrono::seconds kPatience{15};  // for all keys

}  // namespace

boost::asio::awaitable<mail::DkimVerdict> finish_dkim(io::Resolver& resolver, io::DkimCheck& check) {
  DnsFacts keys;
  const auto until = std::chrono::steady_clock::now() + kPatience;
  const auto questions = check.keys();
  DnsLookups lookups(resolver, co_await boost::asio::this_coro::executor);
  for (const auto& question : questions) lookups.ask(question);
  co_await lookups.wait_for(questions, keys, until);
  co_return check.finish(keys);
}

}  // namespace hikyaku::serve
