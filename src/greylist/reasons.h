#pragma once
#include <cstdint>

namespace hikyaku::greylist {

/// What a decision rests on: the kinds of clauses of the rule that held, or what decided before all rules.
/// Logs and X-Greylist headers name them.
enum class Reason : unsigned char {
  address,
  domain,
  sender,
  recipient,
  helo,
  macro,
  dnsrbl,
  mx,
  urlcheck,
  ldapcheck,
  property,
  auth,
  tls,
  spf,
  dkim,
  country,
  time,
  quantity,
  content,
  tarpit,
  other,
  by_default,  ///< a rule without clauses, or none held
  autowhite,   ///< the tuple has passed before
  access_map,  ///< the macro {greylist} of the MTA's own map
  not_by_ip,   ///< the client did not come over IP
};

class Reasons {
 public:
  void add(Reason reason) { bits_ |= bit(reason); }
  void remove(Reason reason) { bits_ &= ~bit(reason); }
  bool has(Reason reason) const { return (bits_ & bit(reason)) != 0; }
  bool empty() const { return bits_ == 0; }
  bool operator==(const Reasons&) const = default;

 private:
  static std::uint32_t bit(Reason reason) { return std::uint32_t{1} << static_cast<unsigned>(reason); }
  std::uint32_t bits_ = 0;
};

}  // namespace hikyaku::greylist
