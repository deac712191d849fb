#include "greylist/rate_counters.h"

#include <algorithm>

namespace hikyaku::greylist {

std::string RateCounters::place(const RatelimitDefinition& definition, const std::string& key) {
  return definition.name + '\0' + key;
}

std::int64_t RateCounters::part_of(const RatelimitDefinition& definition, Time now) {
  const auto length = std::max<std::int64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(definition.period).count() /
          static_cast<std::int64_t>(kParts),
      1);
  return now.time_since_epoch().count() / length;
}

std::int64_t RateCounters::used(const RatelimitDefinition& definition, const std::string& key,
                                Time now) const {
  const auto part = part_of(definition, now);
  const std::lock_guard lock(mutex_);
  const auto found = counters_.find(place(definition, key));
  if (found == counters_.end()) return 0;
  const auto& counter = found->second;
  std::int64_t total = 0;
  for (std::int64_t one = counter.newest; one > counter.newest - static_cast<std::int64_t>(kParts); --one)
    if (one > part - static_cast<std::int64_t>(kParts) && one >= 0)
      total += counter.parts[static_cast<std::size_t>(one) % kParts];
  return total;
}

void RateCounters::add(const RatelimitDefinition& definition, const std::string& key, std::int64_t amount,
                       Time now) {
  const auto part = part_of(definition, now);
  const std::lock_guard lock(mutex_);
  // Parts of different definitions are of different lengths: none can be called the oldest.
  if (counters_.size() >= kLimit) counters_.clear();
  auto& counter = counters_[place(definition, key)];
  // A clock that was set back goes on counting in the newest part.
  if (part > counter.newest) {
    const auto passed = std::min<std::int64_t>(part - counter.newest, static_cast<std::int64_t>(kParts));
    for (std::int64_t i = 0; i < passed; ++i) counter.parts[static_cast<std::size_t>(part - i) % kParts] = 0;
    counter.newest = part;
  }
  counter.parts[static_cast<std::size_t>(counter.newest) % kParts] += amount;
}

}  // namespace hikyaku::greylist
