#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/kv.h"
#include "base/time.h"
#include "store/store.h"

namespace hikyaku::store {

/// A message that is lost, as far as a damaged record still tells: any octet may be wrong.
struct LostMessage {
  Uid uid = 0;
  std::string sender, subject;  ///< "<>" for the null sender; the subject as it stands in the header
  Time received{};
  std::uint64_t size = 0;  ///< octets
};

/// Messages of one mailbox that are lost, by their UIDs, which were given out one after the other.
struct MailboxLoss {
  std::string mailbox;  ///< "mailbox number 7" when its name is lost too
  Uid first = 0, last = 0;
  std::vector<LostMessage> known;  ///< those of which something can be told, by UID
};

/// Works out what mail is lost when logs of a mailbox database are damaged: hand in all rows of the logs from
/// the oldest to the newest, those of damaged records too, and the gaps between them. Not thread-safe.
class LossSurvey {
 public:
  void row(Kv::Space space, std::string_view key, std::optional<std::string_view> value, bool intact);
  /// Changes are missing between the rows before and those to come.
  void gap() { ++gaps_; }

  /// `tables`: the database as it is without its logs; null when it can't be read, and then mail that is in
  /// tables may be told as lost. Sorted by mailbox and UID.
  Result<std::vector<MailboxLoss>> finish(const Kv* tables) const;
  /// Rows of damaged records that are no new messages: changes of flags, removals and the like.
  std::uint64_t other_changes() const { return other_changes_; }

 private:
  struct Box {
    std::set<Uid> delivered;                       // by intact records, or changed
    std::set<Uid> after_gap;                       // those of them whose first record stands behind a gap
    std::map<Uid, record::MessageRecord> changed;  // the latter, that have a body in the Kv
    std::set<Uid> arrived;                         // by intact records of deliveries
    std::map<Uid, record::MessageRecord> damaged;
    std::set<Uid> unreadable;  // in a damaged record, which can't be decoded
  };
  std::optional<Uid> first_new_after_gap(const Box& box, Uid from) const;
  std::string name_of(std::uint32_t mailbox, const std::map<std::uint32_t, std::string>& in_tables) const;
  LostMessage describe(Uid uid, const record::MessageRecord& message) const;

  unsigned gaps_ = 0;
  std::map<std::uint32_t, Box> boxes_;
  std::map<std::uint32_t, std::string> names_;
  std::map<std::string, std::string, std::less<>> headers_;  // of bodies in damaged records
  std::set<std::string, std::less<>> bodies_;                // in intact records
  std::map<std::uint32_t, std::string> recipients_;          // who got mail in a mailbox
  std::uint64_t other_changes_ = 0;
};

/// After a loss of `changes` changes: leaves so many UIDs and MODSEQs out in each mailbox, for one that was
/// given and is lost may be known to somebody, and must not come to stand for another message. Nobody else
/// has the database open. O(mailboxes).
Result<void> skip_given(Kv& kv, std::uint64_t changes);

}  // namespace hikyaku::store
