#include "policy/client_rates.h"

#include <algorithm>
#include <utility>

namespace hikyaku::policy {
namespace {

bool over(std::size_t count, std::size_t limit) { return limit != 0 && count > limit; }

Refusal hang_up(std::string_view hostname, std::string_view what, std::string_view address) {
  std::string text(hostname);
  return {421, "4.7.0", text.append(" Error: too many ").append(what).append(" from ").append(address)};
}

bool excepted(const RateLimits& limits, const Client& client) {
  if (!client.ip || limits.exceptions.empty()) return false;
  const auto match = limits.exceptions.match(client.name, *client.ip, nullptr);
  return !match || match->has_value();  // a list that can't be asked must not turn mail away
}

}  // namespace

ClientRates::Counts& ClientRates::counts(std::string_view address, std::chrono::seconds unit, Time now) {
  auto found = clients_.find(address);
  if (found == clients_.end()) {
    if (clients_.size() >= kLimit && !idle_.empty()) {
      clients_.erase(idle_.front());
      idle_.pop_front();
    }
    found = clients_.emplace(std::string(address), Counts{}).first;
    found->second.since = now;
  }
  auto& counts = found->second;
  // A clock that was set back must not make a unit last for ever.
  if (now - counts.since > unit || now < counts.since) {
    counts.connections = 0;
    std::fill(std::begin(counts.events), std::end(counts.events), 0);
    counts.since = now;
  }
  if (counts.idle) {
    idle_.erase(counts.place);
    counts.idle = false;
  }
  if (counts.open == 0) {
    counts.place = idle_.insert(idle_.end(), std::string(address));
    counts.idle = true;
  }
  return counts;
}

std::optional<Refusal> ClientRates::connect(const RateLimits& limits, const Client& client,
                                            std::string_view hostname, Time now) {
  const bool exempt = excepted(limits, client);
  const std::lock_guard lock(mutex_);
  auto& one = counts(client.address, limits.unit, now);
  if (one.idle) {
    idle_.erase(one.place);
    one.idle = false;
  }
  ++one.open;
  ++one.connections;
  ++open_;
  if (exempt) return std::nullopt;
  if (over(one.open, limits.connection_count) || over(one.connections, limits.connection_rate)) {
    return hang_up(hostname, "connections", client.address);
  }
  return std::nullopt;
}

void ClientRates::disconnect(std::string_view address, Time now) {
  const std::lock_guard lock(mutex_);
  const auto found = clients_.find(address);
  if (found == clients_.end() || found->second.open == 0) return;
  auto& one = found->second;
  --open_;
  if (--one.open != 0) return;
  one.place = idle_.insert(idle_.end(), found->first);
  one.idle = true;
  one.since = std::min(one.since, now);
}

std::size_t ClientRates::connections(const RateLimits& limits, const Client& client) const {
  const bool limited = limits.connection_count + limits.connection_rate + limits.message_rate +
                           limits.recipient_rate + limits.new_tls_rate + limits.auth_rate >
                       0;
  if (!limited || excepted(limits, client)) return 0;
  const std::lock_guard lock(mutex_);
  const auto found = clients_.find(std::string_view(client.address));
  return found == clients_.end() ? 0 : found->second.open;
}

std::optional<Refusal> ClientRates::count(Event event, const RateLimits& limits, const Client& client,
                                          Time now) {
  const std::size_t most = [&] {
    switch (event) {
      case Event::message:
        return limits.message_rate;
      case Event::recipient:
        return limits.recipient_rate;
      case Event::new_tls_session:
        return limits.new_tls_rate;
      case Event::auth:
        return limits.auth_rate;
    }
    return std::size_t{0};
  }();
  if (most == 0) return std::nullopt;
  if (excepted(limits, client)) return std::nullopt;
  {
    const std::lock_guard lock(mutex_);
    if (!over(++counts(client.address, limits.unit, now).events[static_cast<std::size_t>(event)], most))
      return std::nullopt;
  }
  const std::string address(client.address);
  switch (event) {
    case Event::message:
      return Refusal{450, "4.7.1", "Error: too much mail from " + address};
    case Event::recipient:
      return Refusal{450, "4.7.1", "Error: too many recipients from " + address};
    case Event::auth:
      return Refusal{450, "4.7.1", "Error: too many AUTH commands from " + address};
    case Event::new_tls_session:
      return Refusal{454, "4.7.0", "Error: too many new TLS sessions from " + address};
  }
  return std::nullopt;
}

ClientRates::Load ClientRates::load() const {
  const std::lock_guard lock(mutex_);
  return {clients_.size(), open_};
}

}  // namespace hikyaku::policy
