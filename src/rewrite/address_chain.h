#pragma once
#include <string>
#include <string_view>

#include "base/explanation.h"
#include "mail/address.h"
#include "rewrite/address_mapping.h"
#include "rewrite/settings.h"

namespace hikyaku::rewrite {

/// What an address went through.
struct ChainResult {
  bool changed = false;
  bool failed = false;
  std::string problem;  ///< a table that can't answer, or a loop; for the log
};

/// The maps that one address goes through, in order: the sender's or the recipient's own canonical maps,
/// canonical_maps, masquerade_domains, each if it is on for the address's class.
class AddressChain {
 public:
  AddressChain(const Settings& settings, const Completion& completion)
      : settings_(settings), completion_(completion), maps_(settings.lookup, completion) {}

  /// Completes `address`, recording what completion changed.
  bool complete(mail::Address& address, Completion::Context context, std::string_view subject,
                Explanation& why) const;
  /// The maps and masquerading. `recorded`: also the maps in which nothing was found.
  ChainResult map(mail::Address& address, AddressClass one, std::string_view subject, bool recorded,
                  Explanation& why) const;
  /// For a header that stays as it is: records each rule that would have changed `address`, had `client` been
  /// local.
  void record_missed(mail::Address address, AddressClass one, std::string_view subject,
                     std::string_view client, Explanation& why) const;
  /// Whether any map or masquerading is set at all for this class.
  bool active(AddressClass one) const;

 private:
  const AddressMap& own_map(AddressClass one) const;
  const Settings& settings_;
  const Completion& completion_;
  OneToOne maps_;
};

}  // namespace hikyaku::rewrite
