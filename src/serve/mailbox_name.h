#pragma once
#include <string>
#include <string_view>

#include "base/result.h"
#include "mail/address.h"
#include "serve/running.h"
#include "table/address_lookup.h"

namespace hikyaku::serve {

/// The mailbox that mail for `address` goes to: without its extension, and without its domain for mail to
/// local users (`whole_address` is false).
std::string mailbox_of(const mail::Address& address, bool whole_address, const table::Delimiters& delimiters);

/// The mailbox of someone who logs in as `user`, a name or an address: that which mail for it is delivered to
/// ("joe@example.com" is "joe" where example.com is in mydestination). Aliases have no say. Blocks as the
/// tables do. Fails with Fault::temporary when one can't answer, and with Fault::malformed for what is no
/// address.
Result<std::string> mailbox_of_login(const Running& running, std::string_view user);

}  // namespace hikyaku::serve
