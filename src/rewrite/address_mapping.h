#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/explanation.h"
#include "mail/address.h"
#include "mail/address_tokens.h"
#include "rewrite/completion.h"
#include "rewrite/settings.h"

namespace hikyaku::rewrite {

/// The rule that a lookup ended at, for explanations.
struct MapHit {
  std::string rule;  ///< "joe@hub.test joe.user@example.com"
  Origin origin;     ///< its line
};

/// One lookup of an address in a map.
struct MapResult {
  std::vector<mail::Address> addresses;  ///< empty: not found
  MapHit hit;
};

/// Looks `address` up in `maps` and reads the right-hand side: a list of addresses, each completed in the
/// local context; "@other" keeps the local part; with `propagate` the unmatched extension is appended to
/// each. Fails with Fault::temporary when a table can't answer or its answer holds no address.
Result<MapResult> map_address(const table::Maps& maps, const mail::Address& address, bool propagate,
                              const LookupSettings& lookup, const Completion& completion, KeyTrail* trail);

/// What one pass of a list of maps made of an address.
struct MapOnce {
  bool changed = false;
  bool failed = false;  ///< a table can't answer: refuse the mail for now
  bool looped = false;  ///< the limit of passes was reached; the last value is taken
  std::string problem;  ///< of failed and looped: for the log
};

/// Maps one address to one: again and again until nothing is found, the result equals the input, or
/// kPassLimit.
class OneToOne {
 public:
  static constexpr int kPassLimit = 10;

  OneToOne(const LookupSettings& lookup, const Completion& completion)
      : lookup_(lookup), completion_(completion) {}

  /// `subject` is what the address is, "envelope sender" or "header From"; for the ledger. `recorded` false
  /// adds an entry only when the address changed.
  MapOnce apply(const AddressMap& map, mail::Address& address, std::string_view subject, bool recorded,
                Explanation& why) const;
  /// Does the same without recording it, and tells the rule and the keys of the first pass.
  MapOnce apply(const AddressMap& map, mail::Address& address, MapHit& first, KeyTrail& trail) const;

 private:
  MapOnce pass(const AddressMap& map, mail::Address& address, bool& found, MapHit& hit,
               KeyTrail& trail) const;
  const LookupSettings& lookup_;
  const Completion& completion_;
};

/// Cuts host names off: user@host.example.com -> user@example.com. Tells the rule that did it; nullptr when
/// the address is left alone. `kept` gets the reason when a rule or an exception kept it.
const MasqueradeDomain* masquerade(const MasqueradeSettings& settings, mail::Address& address,
                                   std::string_view& kept);

/// "joe@a.example", or "<>" for the null sender.
std::string shown(const mail::Address& address);

}  // namespace hikyaku::rewrite
