#include <algorithm>

#include "route/settings.h"

namespace hikyaku::route {

Time RetrySchedule::next_attempt(Time arrival, Time now) const {
  // A clock that was set back makes a message younger than nothing: then it waits the least.
  const auto age = std::max(now - arrival, Time::duration::zero());
  const Time::duration least = minimal_backoff;
  const Time::duration most = std::max(maximal_backoff, minimal_backoff);
  return now + std::clamp(age, least, most);
}

}  // namespace hikyaku::route
