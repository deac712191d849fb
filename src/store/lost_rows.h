#pragma once
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/blob.h"
#include "base/kv.h"
#include "base/result.h"
#include "store/loss.h"

namespace hikyaku::store {

/// A message, or a removed one that could have been put back, that is not as it was.
struct ChangedByLoss {
  std::string mailbox;
  Uid uid = 0;
  std::string text;  ///< one sentence
};

struct SettledRows {
  std::vector<MailboxLoss> lost;  ///< messages of which the row or the body is gone; by mailbox and UID
  std::vector<ChangedByLoss> changed;
  /// A body in the Kv that is all that is left of messages; repair() takes it away.
  struct LooseBody {
    std::string key;         ///< of the place of the first message that had it
    bool of_others = false;  ///< that one was removed: it was a message of others, nobody knows of whom
  };
  std::vector<LooseBody> loose_bodies;
};

/// For a database of which rows were lost anywhere, removals too: finds by the rows that are left which
/// messages are lost, and takes away what must not be read as mail: messages without their whole body, and
/// those that had been removed and are there again. An older copy of a message, whose last change is lost, is
/// kept and told. A body of a lost message tells its sender and subject. Of two mailboxes of one number the
/// first is kept. `damaged`: the spaces that rows may be missing from. Reads all bodies. Nobody else has the
/// database open; repair() is to follow. O(rows), and memory for one mailbox's UIDs at a time.
Result<SettledRows> settle_lost_rows(Kv& kv, const Blob& blob, const std::set<Kv::Space>& damaged);

/// What a row that stands between two keys of the space of messages may have been: "u@d.example, UID 3 to 9",
/// for a report. Either may be empty.
std::string between_messages(const Kv& kv, std::string_view after, std::string_view until);

/// After skip_given(): clients that come back compare all that they have with what is there.
Result<void> forget_vanished(Kv& kv);

}  // namespace hikyaku::store
