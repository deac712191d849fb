#include "milter/admission.h"

namespace hikyaku::milter {

std::optional<Admission::Place> Admission::from(std::size_t address, Moment now) {
  for (; address < breakers_.size(); ++address) {
    const auto leave = breakers_[address].ask(now);
    if (leave != CircuitBreaker::Leave::refused) return Place{address, leave};
  }
  return std::nullopt;
}

std::expected<Admission::Place, Admission::Refusal> Admission::enter(Moment now) {
  // The budget first: a probe that is asked for must be made.
  if (most_ != 0 && connections_ >= most_) return std::unexpected(Refusal::budget);
  const auto place = from(0, now);
  if (!place) return std::unexpected(Refusal::breaker);
  ++connections_;
  return *place;
}

std::optional<Admission::Place> Admission::next(const Place& unreachable, Moment now) {
  failed(unreachable, now);
  return from(unreachable.address + 1, now);
}

}  // namespace hikyaku::milter
