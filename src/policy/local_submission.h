#pragma once
#include <string>
#include <string_view>

#include "base/result.h"
#include "mail/address.h"
#include "table/address_lookup.h"
#include "table/maps.h"
#include "table/match_list.h"

namespace hikyaku::policy {

/// Who on this machine may hand in mail by the sendmail command, and under which envelope senders.
struct LocalSubmission {
  table::StringMatchList authorized;  ///< authorized_submit_users
  table::Maps login_senders;          ///< local_login_sender_maps
  std::string null_sender = "<>";     ///< empty_address_local_login_sender_maps_lookup_key
  table::Delimiters delimiters;       ///< recipient_delimiter

  /// `login`: the user's name, or the number when there is none. Fault::temporary: a table can't answer.
  Result<bool> may_submit(std::string_view login) const;
  /// Whether one of the login's patterns allows `sender` (without its address extension): "*", what
  /// null_sender says, "@domain", or the address. A login without any may send under none. `login` as above,
  /// a number as "uid:1000".
  Result<bool> may_send_as(std::string_view login, const mail::Address& sender) const;
};

}  // namespace hikyaku::policy
