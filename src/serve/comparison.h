#pragma once
#include <string>
#include <vector>

#include "base/origin.h"
#include "record/arrival.h"
#include "serve/rehearsal.h"

namespace hikyaku::serve {

/// One thing that becomes of a message otherwise.
struct Difference {
  std::string what;           ///< "envelope sender", "header From", "next hop of joe@example.com"
  std::string before, after;  ///< empty: there is none
  bool operator==(const Difference&) const = default;
};

/// A rule that applied under one configuration, and not, or not so, under the other.
struct RuleDifference {
  bool before = false;  ///< it is the older configuration's
  Explanation::Entry entry;
};

struct Comparison {
  std::vector<Difference> differences;
  std::vector<RuleDifference> rules;  ///< only when there are differences
};

/// What differs between two rehearsals of the same message: its acceptance, its envelope, its headers as they
/// are queued and as they are sent, its next hops and logins. Pure.
Comparison compare(const Rehearsal& before, const Rehearsal& after);

/// The question whether a message that came once would fare the same again. Its body is not known any more.
RehearsalRequest replay_of(const record::Arrival& arrival);

}  // namespace hikyaku::serve
