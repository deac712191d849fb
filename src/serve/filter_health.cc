#include "serve/filter_health.h"

#include <algorithm>
#include <utility>

namespace hikyaku::serve {
namespace {

FilterHealth::Wait wait_of(milter::Command command) {
  using Wait = FilterHealth::Wait;
  switch (command) {
    case milter::Command::negotiate:
      return Wait::negotiation;
    case milter::Command::header:
    case milter::Command::end_of_headers:
    case milter::Command::body:
      return Wait::content;
    case milter::Command::end_of_message:
      return Wait::end_of_message;
    default:
      return Wait::envelope;
  }
}

}  // namespace

FilterHealth::FilterHealth(std::string name, std::vector<milter::Endpoint> addresses,
                           const milter::Admission::Settings& settings)
    : name_(std::move(name)), addresses_(std::move(addresses)), admission_(settings, addresses_.size()) {}

std::expected<milter::Admission::Place, milter::Admission::Refusal> FilterHealth::enter(Moment now) {
  const std::lock_guard lock(mutex_);
  auto place = admission_.enter(now);
  if (!place)
    ++(place.error() == milter::Admission::Refusal::budget ? counted_.no_budget : counted_.kept_away);
  return place;
}

std::optional<milter::Admission::Place> FilterHealth::next(const milter::Admission::Place& unreachable,
                                                           Moment now) {
  const std::lock_guard lock(mutex_);
  return admission_.next(unreachable, now);
}

void FilterHealth::succeeded(const milter::Admission::Place& place, Moment now) {
  const std::lock_guard lock(mutex_);
  admission_.succeeded(place, now);
}

void FilterHealth::failed(const milter::Admission::Place& place, Moment now) {
  const std::lock_guard lock(mutex_);
  admission_.failed(place, now);
}

void FilterHealth::left() {
  const std::lock_guard lock(mutex_);
  admission_.left();
}

void FilterHealth::add(const milter::ChildReport& report, bool counts, bool failure) {
  using State = milter::ChildReport::State;
  const std::lock_guard lock(mutex_);
  if (report.early && std::ranges::find(decides_early_, *report.early) == decides_early_.end())
    decides_early_.push_back(*report.early);
  if (counts && report.state == State::took_part) ++counted_.took_part;
  if (counts && report.state == State::ruled_out) ++counted_.ruled_out;
  if (failure) ++counted_.failures;
  for (const auto& wait : report.waits)
    if (wait.answers > 0) counted_.waits[static_cast<std::size_t>(wait_of(wait.command))].add(wait.total);
}

std::vector<milter::Command> FilterHealth::decides_early() const {
  const std::lock_guard lock(mutex_);
  return decides_early_;
}

FilterHealth::Snapshot FilterHealth::snapshot(Moment now) const {
  const std::lock_guard lock(mutex_);
  auto snapshot = counted_;
  snapshot.name = name_;
  snapshot.connections = admission_.connections();
  for (std::size_t i = 0; i < addresses_.size(); ++i) {
    const auto& breaker = admission_.breakers()[i];
    snapshot.addresses.push_back({addresses_[i].text(), breaker.state(now), breaker.openings()});
  }
  return snapshot;
}

std::string_view text(FilterHealth::Wait wait) {
  switch (wait) {
    case FilterHealth::Wait::negotiation:
      return "negotiation";
    case FilterHealth::Wait::envelope:
      return "envelope";
    case FilterHealth::Wait::content:
      return "content";
    case FilterHealth::Wait::end_of_message:
      break;
  }
  return "end of message";
}

}  // namespace hikyaku::serve
