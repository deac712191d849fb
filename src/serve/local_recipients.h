#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/explanation.h"
#include "mail/address.h"
#include "record/queue_entry.h"
#include "serve/delivery_result.h"
#include "serve/running.h"

namespace hikyaku::serve {

/// What becomes of one recipient of the `local` or `virtual` transport.
struct LocalPlan {
  std::vector<mail::Address> mailboxes;  ///< here, with their extensions; may be empty
  std::vector<mail::Address> forwards;   ///< by alias: queued again as a message of their own
  std::vector<std::string> commands;     ///< by alias, when allow_mail_to_commands says so
  std::optional<mail::Address> owner;    ///< owner-NAME of that alias: the envelope sender of all of them
  /// Bounced: tell the sender, whatever of the above there is. Deferred: nothing else is done now.
  std::optional<DeliveryResult> failure;
};

/// Decides it for a recipient of `local`, as local(8) does: loop by Delivered-To, alias_maps, and whether
/// there is such a user (local_recipient_maps without the alias tables). `delivered_to` are the values of the
/// message's Delivered-To headers. Blocks as the tables and include files do.
LocalPlan plan_local(const Running& running, const mail::Address& sender, const record::Recipient& recipient,
                     const std::vector<std::string>& delivered_to, Time now, Explanation& why);

/// The same for `virtual`, as virtual(8): the loop check alone.
LocalPlan plan_virtual(const record::Recipient& recipient, const std::vector<std::string>& delivered_to,
                       Explanation& why);

}  // namespace hikyaku::serve
