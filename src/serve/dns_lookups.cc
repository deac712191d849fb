#include "serve/dns_lookups.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <set>
#include <utility>

#include "serve/dns_lookup.h"

namespace hikyaku::serve {

namespace asio = boost::asio;

struct DnsLookups::State {
  explicit State(const asio::any_io_executor& executor) : changed(executor) {}
  std::set<DnsQuestion> open;
  std::vector<std::pair<DnsQuestion, DnsAnswer>> came;  // and are not fetched yet
  asio::steady_timer changed;
};

DnsLookups::DnsLookups(io::Resolver& resolver, const asio::any_io_executor& executor)
    : resolver_(resolver), state_(std::make_shared<State>(executor)) {}

std::size_t DnsLookups::size() const { return state_->open.size(); }

void DnsLookups::ask(const DnsQuestion& question) {
  if (!state_->open.insert(question).second) return;
  asio::co_spawn(state_->changed.get_executor(), look_up(resolver_, state_, question), asio::detached);
}

asio::awaitable<void> DnsLookups::look_up(io::Resolver& resolver, std::shared_ptr<State> state,
                                          DnsQuestion question) {
  DnsFacts answer;
  co_await serve::look_up(resolver, answer, question);
  state->came.emplace_back(question, *answer.find(question));
  state->open.erase(question);
  state->changed.cancel();
}

asio::awaitable<void> DnsLookups::wait_for(const std::vector<DnsQuestion>& wanted, DnsFacts& dns,
                                           std::chrono::steady_clock::time_point until) {
  auto& state = *state_;
  const auto is_open = [&](const DnsQuestion& question) { return state.open.contains(question); };
  while (std::ranges::any_of(wanted, is_open) && std::chrono::steady_clock::now() < until) {
    state.changed.expires_at(until);
    co_await state.changed.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  for (auto& [question, answer] : std::exchange(state.came, {}))
    dns.add(std::move(question), std::move(answer));
}

}  // namespace hikyaku::serve
