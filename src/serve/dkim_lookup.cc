#include "serve/dkim_lookup.h"

#include <chrono>

#include "base/dns.h"
#include "serve/dns_lookup.h"

namespace hikyaku::serve {
namespace {

constexpr std::chrono::seconds kPatience{15};  // for all keys but the last one's own time

}  // namespace

boost::asio::awaitable<mail::DkimVerdict> finish_dkim(io::Resolver& resolver, io::DkimCheck& check) {
  DnsFacts keys;
  const auto until = std::chrono::steady_clock::now() + kPatience;
  const auto questions = check.keys();
  for (const auto& question : questions) {
    if (std::chrono::steady_clock::now() >= until) break;
    co_await look_up(resolver, keys, question);
  }
  co_return check.finish(keys);
}

}  // namespace hikyaku::serve
