#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/explanation.h"
#include "table/address_lookup.h"

namespace hikyaku::route {

/// One setting that may name a transport or a next hop, and what it said.
struct Candidate {
  std::string_view step;     ///< "route.relayhost"; a literal
  std::string_view setting;  ///< "relayhost"; a literal
  std::string
      rule;  ///< "relayhost = [192.0.2.1]", "sender_dependent_relayhost_maps: joe@a.example [192.0.2.1]"
  Origin origin;
  KeyTrail keys{};
  std::string transport{}, nexthop{};          ///< what it names; empty: nothing
  std::string failed{}, operand{}, outcome{};  ///< set when it had no say of its own
};

/// Collects the candidates of one decision, in rising precedence, and which of them got its way, so that each
/// loser can be told by whom it was silenced. Does nothing when nobody asks why.
class RouteLedger {
 public:
  /// `why`: who wants to know; may be null.
  explicit RouteLedger(Explanation* why = nullptr) { begin(why); }
  /// Begins the next decision, in the memory of the one before.
  void begin(Explanation* why) {
    why_ = why;
    all_.clear();
    if (wanted()) all_.reserve(kUsual);
    transport_by_ = nexthop_by_ = kNobody;
  }
  bool wanted() const { return why_ != nullptr; }

  /// The candidate overrides the transport and next hop that it names.
  void applies(Candidate candidate);
  /// The same, and the next hop of the ones before is dropped also where it names none.
  void applies_and_resets(Candidate candidate);
  /// Was asked, or not asked, and had no say: `failed`, `operand`, `outcome` are set.
  void passes(Candidate candidate);
  /// The same with one that lives until finish().
  void passes_known(const Candidate& candidate);
  /// The class of the recipient's domain: written first.
  void domain_class(Candidate candidate);
  /// Writes all entries down, and then the result.
  void finish(std::string_view result);

 private:
  static constexpr std::size_t kUsual = 8;  // as many settings as can have a say
  static constexpr std::size_t kNobody = static_cast<std::size_t>(-1);
  struct Standing {
    Candidate own;
    const Candidate* known = nullptr;  ///< in its place
    const Candidate& candidate() const { return known != nullptr ? *known : own; }
    std::size_t transport_lost_to = kNobody, nexthop_lost_to = kNobody;
  };
  void take(Candidate candidate, bool takes_nexthop);
  void write(const Standing& standing) const;

  Explanation* why_;
  std::vector<Standing> all_;
  std::size_t transport_by_ = kNobody, nexthop_by_ = kNobody;
};

}  // namespace hikyaku::route
