#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/kv.h"
#include "base/result.h"
#include "record/mailbox_rows.h"
#include "store/store.h"

namespace hikyaku::store {

/// What the mailboxes of an account (account_of()) hold together, and what they may (RFC 9208's STORAGE, in
/// octets, and MESSAGE). Messages that can be restored do not count.
///
/// How it is counted: deliveries are composed at once by many and committed in any order, so one row with a
/// total would need a precondition, and each delivery to an account would wait for the one before, or an
/// absolute value, and the last one committed would not be the last one composed. So each change adds a row
/// of its own with what it adds or takes, in its own batch: the total is the sum of the account's rows, exact
/// at every crash, and no two changes touch the same row. fold_usage() adds those of a mailbox up into one
/// from time to time, so that a mailbox is counted without reading its messages (Store::counts()). Only the
/// decision whether there is room reads a total kept in memory: it may be wrong by what is under way at that
/// moment, until the next fold.
using record::Quota;
using record::Usage;

/// From the rows. O(changes since they were folded).
Result<Usage> usage_of(const Store& store, std::string_view account);
/// Its own, or else the default of all.
Result<Quota> quota_of(const Store& store, std::string_view account);
/// Gives the account a quota of its own; nullopt takes it away again. Keep the change until the commit is
/// answered. Fault::temporary: the account is being moved.
Result<Change> set_quota(Store& store, Kv::Batch& batch, std::string_view account,
                         const std::optional<Quota>& quota);
/// Whether `added` still fits.
Result<bool> has_room(const Store& store, std::string_view account, const Usage& added);

/// Accounts with so many rows that they should be folded now.
std::vector<std::string> accounts_to_fold(const Store& store);
/// Adds up to 4,000 rows of the account into one a mailbox; true: there were more. An empty batch: nothing to
/// do. The commit fails with Fault::not_found when somebody else folded them.
Result<bool> fold_usage(Store& store, Kv::Batch& batch, std::string_view account);
/// The account with rows that comes after `after` (empty: the first); nullopt: there is none.
Result<std::optional<std::string>> next_account(const Store& store, std::string_view after);

struct Recount {
  Usage counted;  ///< of the messages
  Usage kept;     ///< of the rows
};
/// Counts the messages of each mailbox of the account and composes what makes the rows agree; an empty batch:
/// they do.
/// Fault::temporary: it changed all the while. A message that can't be read does not count. O(messages of
/// the account).
Result<Recount> recount(const Store& store, Kv::Batch& batch, std::string_view account);

/// Counts the mailboxes of a database of before format 3, and lists its files of bodies, once; gives how many
/// accounts there were. Right
/// after open(), before anything else is written; commits by itself. Safe to end at any moment.
Result<std::size_t> count_older_database(Store& store);

}  // namespace hikyaku::store
