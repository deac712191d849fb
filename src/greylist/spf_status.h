#pragma once
#include <string_view>

namespace hikyaku::greylist {

/// What SPF says of a client that claims a domain (RFC 7208 s. 2.6).
enum class SpfStatus : unsigned char {
  none,       ///< no record, or no domain to look one up for
  neutral,    ///< the domain says nothing about the client
  pass,       ///< the client may send for the domain
  fail,       ///< it may not
  softfail,   ///< it probably may not
  temperror,  ///< the DNS did not answer
  permerror,  ///< the domain's records can't be understood
};

/// "pass", as in a Received-SPF header (RFC 7208 s. 9.1).
constexpr std::string_view text(SpfStatus status) {
  switch (status) {
    case SpfStatus::none:
      return "none";
    case SpfStatus::neutral:
      return "neutral";
    case SpfStatus::pass:
      return "pass";
    case SpfStatus::fail:
      return "fail";
    case SpfStatus::softfail:
      return "softfail";
    case SpfStatus::temperror:
      return "temperror";
    case SpfStatus::permerror:
      return "permerror";
  }
  return "none";
}

}  // namespace hikyaku::greylist
