#include "route/router_ledger.h"

#include <utility>

#include "base/concatenated.h"

namespace hikyaku::route {

void RouteLedger::take(Candidate candidate, bool takes_nexthop) {
  if (!wanted()) return;
  const auto place = all_.size();
  if (!candidate.transport.empty()) {
    if (transport_by_ != kNobody) all_[transport_by_].transport_lost_to = place;
    transport_by_ = place;
  }
  if (takes_nexthop || !candidate.nexthop.empty()) {
    if (nexthop_by_ != kNobody) all_[nexthop_by_].nexthop_lost_to = place;
    nexthop_by_ = place;
  }
  all_.emplace_back().own = std::move(candidate);
}

void RouteLedger::applies(Candidate candidate) { take(std::move(candidate), false); }
void RouteLedger::applies_and_resets(Candidate candidate) { take(std::move(candidate), true); }

void RouteLedger::passes(Candidate candidate) {
  if (wanted()) all_.emplace_back().own = std::move(candidate);
}

void RouteLedger::passes_known(const Candidate& candidate) {
  if (wanted()) all_.emplace_back().known = &candidate;
}

void RouteLedger::domain_class(Candidate candidate) {
  if (!wanted()) return;
  why_->add({candidate.step,
             candidate.rule,
             candidate.origin,
             {},
             candidate.failed,
             candidate.operand,
             candidate.outcome});
}

void RouteLedger::write(const Standing& standing) const {
  const auto& own = standing.candidate();
  if (!own.failed.empty()) {
    why_->add({own.step, own.rule, own.origin, own.keys.joined(), own.failed, own.operand, own.outcome});
    return;
  }
  const bool names_transport = !own.transport.empty(), names_nexthop = !own.nexthop.empty();
  const bool keeps_transport = names_transport && standing.transport_lost_to == kNobody;
  const bool keeps_nexthop = names_nexthop && standing.nexthop_lost_to == kNobody;
  const auto named = [&](bool transport, bool nexthop) {
    return concatenated({transport ? "transport " : "", transport ? own.transport : std::string_view{},
                         transport && nexthop ? ", " : "", nexthop ? "next hop " : "",
                         nexthop ? own.nexthop : std::string_view{}});
  };
  const auto winner = [&]() -> const Candidate& {
    const auto by = names_nexthop && !keeps_nexthop ? standing.nexthop_lost_to : standing.transport_lost_to;
    return all_[by].candidate();
  };
  if (keeps_transport == names_transport && keeps_nexthop == names_nexthop) {
    const auto outcome = named(names_transport, names_nexthop);
    why_->add({own.step,
               own.rule,
               own.origin,
               own.keys.joined(),
               {},
               {},
               outcome.empty() ? "changes nothing" : outcome});
  } else if (!keeps_transport && !keeps_nexthop) {
    const auto failed =
        std::string(winner().setting) + " leaves the " +
        (names_nexthop ? (names_transport ? "transport and next hop" : "next hop") : "transport") + " alone";
    const auto outcome = named(names_transport, names_nexthop) + " is not used";
    why_->add({own.step, own.rule, own.origin, own.keys.joined(), failed, winner().rule, outcome});
  } else {
    const auto outcome = named(keeps_transport, keeps_nexthop) + "; its " +
                         (keeps_transport ? "next hop " + own.nexthop : "transport " + own.transport) +
                         " is not used, because of " + std::string(winner().setting);
    why_->add({own.step, own.rule, own.origin, own.keys.joined(), {}, winner().rule, outcome});
  }
}

void RouteLedger::finish(std::string_view result) {
  if (!wanted()) return;
  for (const auto& standing : all_) write(standing);
  why_->add({"route.result", {}, {}, {}, {}, {}, result});
}

}  // namespace hikyaku::route
