#pragma once
#include "base/result.h"
#include "mail/address.h"
#include "route/local_destinations.h"
#include "route/settings.h"

namespace hikyaku::route {

/// A recipient after all routing that its local part asks of us was done: user%domain@here, domain!user@here
/// and "user@domain"@here are mail for user@domain as long as "here" is one of our own domains.
struct RecipientForm {
  mail::Address address;           ///< has a domain
  bool local = false;              ///< its domain is ours
  bool invalid = false;            ///< its domain is no domain
  bool routed = false;             ///< a routing operator is left in its local part
  LocalDestinations::Match match;  ///< of the domain that made it local
};

/// `recipient` is a full address. An empty local part becomes $empty_address_recipient, a missing domain
/// $myhostname. Fails with Fault::temporary when a table of mydestination can't answer, or when an address
/// turns in circles.
Result<RecipientForm> resolve_form(const Settings& settings, const LocalDestinations& local,
                                   const mail::Address& recipient);

}  // namespace hikyaku::route
