#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/kv.h"
#include "base/result.h"
#include "base/time.h"
#include "store/store.h"

namespace hikyaku::store {

/// What is done to mailboxes (RFC 9051 s. 6.3). The caller commits the batch and keeps the Change until that
/// is answered. Fault::malformed: a name is none (check_mailbox_name()). Fault::temporary: mail arrives at
/// one of them right now, or another such change is under way; try again. A commit that fails with
/// Fault::not_found met another change.

/// Makes a mailbox, and those above it that are missing. Fault::permanent: there is one.
Result<Change> create_mailbox(Store& store, Kv::Batch& batch, std::string_view name, Time now);

/// Gives a mailbox and all below it other names within their account; UIDs, UIDVALIDITY and MODSEQs stay.
/// Makes what is missing above `to`. An INBOX stays, without its messages, which the mailbox `to` has then;
/// those below it stay too. Fault::permanent: `to` is there, or in another account, or below `from`, or more
/// than 10,000 names would change.
Result<Change> rename_mailbox(Store& store, Kv::Batch& batch, std::string_view from, std::string_view to,
                              Time now);

/// Removes a mailbox with its messages; restore_mailbox() brings it back until it is purged. When there are
/// mailboxes below it, its name stays and can't be selected; such a name alone can't be removed
/// (Fault::permanent). O(messages), for the account's usage.
Result<Change> remove_mailbox(Store& store, Kv::Batch& batch, std::string_view name, Time now);

/// Brings a removed mailbox back (list_removed_mailboxes()) under the name `to`, which must be free, with its
/// messages under their UIDs, and a new UIDVALIDITY. Fault::not_found: there is none, or it is being purged.
Result<Change> restore_mailbox(Store& store, Kv::Batch& batch, std::uint32_t id, std::string_view to,
                               Time now);

/// The names that a user wants to see (RFC 9051 s. 6.3.7): of its account, also of mailboxes that are not
/// there.
Result<Change> subscribe(Store& store, Kv::Batch& batch, std::string_view name);
void unsubscribe(Kv::Batch& batch, std::string_view name);
/// In order.
Result<std::vector<std::string>> subscriptions(const Store& store, std::string_view account);

}  // namespace hikyaku::store
