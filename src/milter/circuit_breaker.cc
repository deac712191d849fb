#include "milter/circuit_breaker.h"

#include <algorithm>

namespace hikyaku::milter {

std::int64_t CircuitBreaker::slot_number(Moment now) const {
  const auto length =
      std::max<std::chrono::milliseconds>(settings_.window / kSlots, std::chrono::milliseconds{1});
  return now.time_since_epoch() / length;
}

CircuitBreaker::Slot& CircuitBreaker::slot(Moment now) {
  const auto number = slot_number(now);
  auto& one = slots_[static_cast<std::size_t>(number) % kSlots];
  if (one.number != number) one = {number, 0, 0};
  return one;
}

bool CircuitBreaker::too_many(Moment now) const {
  if (settings_.in_a_row != 0 && in_a_row_ >= settings_.in_a_row) return true;
  if (settings_.percent == 0) return false;
  const auto oldest = slot_number(now) - static_cast<std::int64_t>(kSlots);
  std::uint64_t uses = 0, failures = 0;
  for (const auto& one : slots_) {
    if (one.number <= oldest) continue;
    uses += one.uses;
    failures += one.failures;
  }
  return uses >= std::max(settings_.least, 1U) && failures * 100 >= uses * settings_.percent;
}

CircuitBreaker::Leave CircuitBreaker::ask(Moment now) {
  if (closed_) return Leave::granted;
  if (now < open_until_) return Leave::refused;
  if (probing_ && now - probe_began_ < settings_.open_for) return Leave::refused;
  probing_ = true;
  probe_began_ = now;
  return Leave::probe;
}

void CircuitBreaker::succeeded(Leave leave, Moment now) {
  if (leave == Leave::probe && !closed_) {
    closed_ = true;
    probing_ = false;
    in_a_row_ = 0;
    slots_ = {};
    return;
  }
  if (!closed_) return;
  in_a_row_ = 0;
  ++slot(now).uses;
}

void CircuitBreaker::failed(Leave leave, Moment now) {
  if (!closed_) {
    // A probe that was given up is late, but its failure is as true as another's.
    if (leave != Leave::probe) return;
    open_for_ = std::min(open_for_ * 2, settings_.open_at_most);
    probing_ = false;
    open_until_ = now + open_for_;
    return;
  }
  ++in_a_row_;
  auto& one = slot(now);
  ++one.uses;
  ++one.failures;
  if (!too_many(now)) return;
  closed_ = false;
  probing_ = false;
  open_for_ = settings_.open_for;
  open_until_ = now + open_for_;
  ++openings_;
}

CircuitBreaker::State CircuitBreaker::state(Moment now) const {
  if (closed_) return State::closed;
  return now < open_until_ ? State::open : State::half_open;
}

const char* text(CircuitBreaker::State state) {
  switch (state) {
    case CircuitBreaker::State::closed:
      return "closed";
    case CircuitBreaker::State::open:
      return "open";
    case CircuitBreaker::State::half_open:
      break;
  }
  return "half open";
}

}  // namespace hikyaku::milter
