#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/kv.h"
#include "base/result.h"
#include "store/store.h"

namespace hikyaku::store {

/// Mail that was removed and can still be put back: messages by expunge(), mailboxes with all that is in them
/// by remove_mailbox(). It does not count against a quota. Batches and errors as in messages.h.

struct RemovedItem {
  Uid uid = 0;  ///< that it had
  record::RemovedMessage removed;
};
/// The removed messages of a mailbox, in order of UID, at most `limit`, from `from` on.
Result<std::vector<RemovedItem>> list_removed(const Store& store, std::string_view mailbox, Uid from,
                                              std::size_t limit);

struct Restored {
  Change change;
  std::vector<std::pair<Uid, Uid>> uids;  ///< before its removal and now
  std::vector<Uid> missing;
};
/// Puts removed messages back into their mailbox, at most kMostAtOnce, under new UIDs. Asks no quota: the
/// account had room for them before.
Result<Restored> restore(Store& store, Kv::Batch& batch, std::string_view mailbox,
                         const std::vector<Uid>& uids, Time now);

struct RemovedMailboxItem {
  std::uint32_t id = 0;
  record::RemovedMailbox removed;
};
/// All of them. O(removed mailboxes).
Result<std::vector<RemovedMailboxItem>> list_removed_mailboxes(const Store& store);

/// What of a mailbox (by the name that it has, or had when it was removed) may be purged: what was removed
/// before that time; nullopt: nothing. Empty: all of every mailbox.
using PurgeLimits = std::function<std::optional<Time>(std::string_view mailbox)>;

struct Purged {
  std::size_t messages = 0;
  std::size_t kept = 0;                   ///< messages and mailboxes that `limits` kept
  std::vector<std::string> unused_blobs;  ///< to be removed after the commit
  bool more = false;                      ///< call again, after the commit
  /// Where the next call goes on, also a much later one, so that what is kept is not looked at each time.
  std::string next;
};
/// Takes away for good what was removed before `before`: at most about `limit` messages, the oldest first,
/// then messages of removed mailboxes. `from`: `next` of the call before, or empty: from the beginning. An
/// empty batch: there was nothing. Bounded work; for one caller at a time. Skips records that can't be read:
/// check() names them.
Result<Purged> purge(Store& store, Kv::Batch& batch, Time before, std::size_t limit,
                     const PurgeLimits& limits = {}, std::string_view from = {});

}  // namespace hikyaku::store
