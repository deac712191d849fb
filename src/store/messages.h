#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/kv.h"
#include "base/result.h"
#include "record/envelope.h"
#include "record/keywords.h"
#include "store/store.h"

namespace hikyaku::store {

/// What is done to messages in their mailbox: several at once in one batch, all or none of it. The caller
/// commits the batch and keeps the Change until that is answered. A commit that fails with Fault::not_found
/// met another change: compose again. A UID that is not there, or not yet to be seen, is only told.
/// Fault::malformed: more than kMostAtOnce UIDs.
constexpr std::size_t kMostAtOnce = 1000;

struct FlagChange {
  enum class How : unsigned char {
    replace,  ///< FLAGS
    add,      ///< +FLAGS
    remove,   ///< -FLAGS
  };
  How how = How::replace;
  Flags flags;
  record::Keywords keywords;
  /// RFC 7162 s. 3.1.3: a message that changed after it is left as it is.
  std::optional<ModSeq> unchanged_since;
};
struct FlagsChanged {
  Change change;
  ModSeq modseq = 0;          ///< of all that changed
  std::vector<Uid> changed;   ///< also those that were so already, which keep their MODSEQ
  std::vector<Uid> modified;  ///< changed after `unchanged_since`
  std::vector<Uid> missing;
};
/// RFC 9051 s. 6.4.6. Fault::malformed when a message would have too many keywords.
Result<FlagsChanged> change_flags(Store& store, Kv::Batch& batch, std::string_view mailbox,
                                  const std::vector<Uid>& uids, const FlagChange& wanted);

struct Expunged {
  Change change;
  ModSeq modseq = 0;
  std::vector<Uid> uids;
  std::vector<Uid> missing;
  std::vector<std::string> unused_blobs;  ///< to be removed after the commit
};
/// RFC 9051 s. 6.4.3. With `recoverable`, the time of removal, the messages can be put back (removed.h) until
/// they are purged; without, they are gone for good. `still`, when there is one, is asked about each message
/// as it is now: what it refuses stays, and is not told.
using StillWanted = std::function<bool(Uid, const record::MessageRecord&)>;
Result<Expunged> expunge(Store& store, Kv::Batch& batch, std::string_view mailbox,
                         const std::vector<Uid>& uids, std::optional<Time> recoverable,
                         const StillWanted& still = {});

/// What a client that knows the mailbox as of `since` has to learn (RFC 7162 s. 3.1.4, 3.2.5).
struct Changes {
  std::vector<Uid> changed;   ///< ascending; also new ones
  std::vector<Uid> vanished;  ///< ascending
  /// False: older vanished UIDs are forgotten, so the client compares all it has with what is there.
  bool vanished_known = true;
  ModSeq highest = 1;  ///< as of now
};
/// O(changes since).
Result<Changes> changes_since(const Store& store, std::string_view mailbox, ModSeq since);

/// The envelopes of these messages, in their order; nullopt where none is kept.
Result<std::vector<std::optional<record::Envelope>>> envelopes(const Store& store,
                                                               const std::vector<Store::Item>& items);

}  // namespace hikyaku::store
