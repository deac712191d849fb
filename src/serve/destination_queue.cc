#include "serve/destination_queue.h"

#include <algorithm>

namespace hikyaku::serve {

std::optional<DestinationQueue::Suspended> DestinationQueue::add(const std::string& transport,
                                                                 const std::string& next_hop,
                                                                 const route::TransportLimits& limits,
                                                                 Job job, Time now) {
  std::shared_ptr<Destination> to_start;
  Parked* to_wake = nullptr;
  {
    const std::lock_guard lock(mutex_);
    std::string key = transport;
    key += '\0';
    key += next_hop;
    auto& destination = destinations_[key];
    if (!destination) {
      destination = std::make_shared<Destination>();
      destination->key = std::move(key);
      destination->transport = transport;
      destination->next_hop = next_hop;
      destination->window = static_cast<double>(limits.initial_destination_concurrency);
    }
    destination->limits = limits;
    if (!destination->suspended_reason.empty()) {
      if (now < destination->suspended_until) return Suspended{destination->suspended_reason};
      destination->suspended_reason.clear();
    }
    if (!destination->parked.empty()) {
      to_wake = destination->parked.back();
      destination->parked.pop_back();
      to_wake->job = std::move(job);
    } else {
      destination->waiting.push_back(std::move(job));
      to_start = claim_worker(*destination, transports_[transport]);
    }
    // Under the lock: a parked worker that gives up waiting goes through unpark(), which takes it too, and
    // so cannot be gone before it is woken.
    if (to_wake != nullptr) to_wake->wake();
  }
  if (to_start) start_(std::move(to_start));
  return std::nullopt;
}

std::shared_ptr<DestinationQueue::Destination> DestinationQueue::claim_worker(Destination& destination,
                                                                              Transport& transport) {
  const auto window = std::max<std::size_t>(1, static_cast<std::size_t>(destination.window));
  if (destination.waiting.empty() || destination.workers >= window || destination.in_line) return nullptr;
  if (transport.workers >= destination.limits.process_limit) {
    destination.in_line = true;
    transport.wants_worker.push_back(destination.shared_from_this());
    return nullptr;
  }
  ++transport.workers;
  ++destination.workers;
  return destination.shared_from_this();
}

DestinationQueue::Next DestinationQueue::next(Destination& destination, Turn turn) {
  std::shared_ptr<Destination> to_start;
  Next result;
  {
    const std::lock_guard lock(mutex_);
    auto& transport = transports_[destination.transport];
    result.leave = turn == Turn::further && !transport.wants_worker.empty();
    if (!destination.waiting.empty() && !result.leave) {
      result.job = std::move(destination.waiting.front());
      destination.waiting.pop_front();
      to_start = claim_worker(destination, transport);
    }
  }
  if (to_start) start_(std::move(to_start));
  return result;
}

bool DestinationQueue::park(Destination& destination, Parked& parked) {
  const std::lock_guard lock(mutex_);
  if (!destination.waiting.empty()) {
    parked.job = std::move(destination.waiting.front());
    destination.waiting.pop_front();
    return false;
  }
  destination.parked.push_back(&parked);
  return true;
}

bool DestinationQueue::unpark(Destination& destination, Parked& parked) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(destination.parked, &parked);
  if (found == destination.parked.end()) return false;
  destination.parked.erase(found);
  return true;
}

std::shared_ptr<DestinationQueue::Destination> DestinationQueue::pass_on_place(Transport& transport) {
  while (!transport.wants_worker.empty()) {
    auto following = transport.wants_worker.front();
    transport.wants_worker.pop_front();
    following->in_line = false;
    if (auto claimed = claim_worker(*following, transport)) return claimed;
  }
  return nullptr;
}

void DestinationQueue::leave(Destination& destination) {
  std::shared_ptr<Destination> to_start;
  {
    const std::lock_guard lock(mutex_);
    auto& transport = transports_[destination.transport];
    --transport.workers;
    --destination.workers;
    // What is left goes to the end of the line, behind those who waited for this place.
    if (!destination.waiting.empty() && !destination.in_line) {
      destination.in_line = true;
      transport.wants_worker.push_back(destination.shared_from_this());
    }
    to_start = pass_on_place(transport);
    forget_if_unused(destination);
  }
  if (to_start) start_(std::move(to_start));
}

void DestinationQueue::forget_if_unused(Destination& destination) {
  if (destination.workers == 0 && destination.waiting.empty() && destination.suspended_reason.empty()) {
    destinations_.erase(destination.key);
  }
}

void DestinationQueue::succeeded(Destination& destination) {
  std::shared_ptr<Destination> to_start;
  {
    const std::lock_guard lock(mutex_);
    const auto limit = static_cast<double>(destination.limits.destination_concurrency_limit);
    if (destination.window < limit || limit == 0) {
      destination.window += 1.0 / std::max(1.0, destination.window);
      to_start = claim_worker(destination, transports_[destination.transport]);
    }
  }
  if (to_start) start_(std::move(to_start));
}

std::vector<Job> DestinationQueue::suspend(Destination& destination, std::string reason, Time until) {
  const std::lock_guard lock(mutex_);
  destination.suspended_reason = std::move(reason);
  destination.suspended_until = until;
  destination.window = static_cast<double>(destination.limits.initial_destination_concurrency);
  std::vector<Job> jobs(std::make_move_iterator(destination.waiting.begin()),
                        std::make_move_iterator(destination.waiting.end()));
  destination.waiting.clear();
  return jobs;
}

void DestinationQueue::resume_all() {
  const std::lock_guard lock(mutex_);
  std::erase_if(destinations_, [](auto& row) {
    Destination& destination = *row.second;
    destination.suspended_reason.clear();
    return destination.workers == 0 && destination.waiting.empty();
  });
}

void DestinationQueue::forget_expired(Time now) {
  const std::lock_guard lock(mutex_);
  std::erase_if(destinations_, [now](const auto& row) {
    const Destination& destination = *row.second;
    return destination.suspended_until < now && destination.workers == 0 && destination.waiting.empty();
  });
}

std::vector<DestinationQueue::Load> DestinationQueue::load() const {
  const std::lock_guard lock(mutex_);
  std::vector<Load> rows;
  for (const auto& [key, destination] : destinations_) {
    rows.push_back({destination->transport, destination->next_hop, destination->waiting.size(),
                    destination->workers, destination->suspended_reason});
  }
  return rows;
}

}  // namespace hikyaku::serve
