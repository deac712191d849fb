#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/blob.h"
#include "base/result.h"
#include "base/time.h"
#include "io/group_committer.h"
#include "policy/retention.h"
#include "serve/mailbox_rules.h"
#include "store/registry.h"
#include "store/store.h"

namespace hikyaku::serve {

/// Looks once through a mailbox and removes, or only tells, what its rule does not keep; in steps, so that
/// mail goes on beside it. What is removed can be restored like all that is expunged. Blocks.
class ExpiryPass {
 public:
  struct Database {
    store::Store& store;
    io::GroupCommitter& commits;
    Blob& blob;
  };
  enum class Mode : unsigned char { remove, tell };
  struct Tally {
    std::uint64_t messages = 0;  ///< looked at, also those that went
    std::uint64_t expired = 0, octets = 0;
    std::uint64_t damaged = 0;          ///< can't be read, and stay
    std::optional<Time> next_due;       ///< when the first of those that stay falls due, if nothing changes
    std::vector<std::string> warnings;  ///< at most 10: files of bodies that could not be removed
  };
  /// Each message, with the clause that removes it; null: it stays.
  using Told =
      std::function<void(const store::Store::Item&, const policy::RetentionFacts&, const policy::Removal*)>;

  /// `recoverable`: MailboxRules::keeps_removed().
  ExpiryPass(Database database, std::string mailbox, std::vector<policy::Removal> removals, bool recoverable,
             Time now, Mode mode, Told told = {});

  /// Looks at no more than 500 messages. False: that was the last. Fault::not_found: there is no such mailbox
  /// any more.
  Result<bool> step();
  const std::string& mailbox() const { return mailbox_; }
  const Tally& tally() const { return tally_; }
  /// All UIDs below were decided on.
  store::Uid position() const { return decide_from_.value_or(std::numeric_limits<store::Uid>::max()); }

 private:
  Result<bool> count();
  Result<void> remove(const std::vector<store::Uid>& uids);
  policy::RetentionFacts facts(store::Uid uid, const record::MessageRecord& message) const;

  const Database database_;
  const std::string mailbox_;
  const std::vector<policy::Removal> removals_;
  const bool recoverable_;
  const Time now_;
  const Mode mode_;
  const Told told_;
  std::optional<store::Uid> count_from_, decide_from_ = 1;
  std::vector<store::Uid> newest_;  // the last so many, as a ring
  std::uint64_t counted_ = 0;
  store::Uid first_of_newest_ = 0;
  Tally tally_;
};

/// What is known of a mailbox since it was looked through last.
struct LookedThrough {
  Time at{};
  std::optional<Time> next_due;  ///< ExpiryPass::Tally
  std::uint64_t messages = 0;
};
/// When a mailbox is to be looked through again, so that one that nobody changes is read only when something
/// falls due, and one of more than 10,000 messages at most once a day. `changed`: something came, went or was
/// flagged since. Time::max(): not before it changes. Pure.
Time next_look(const LookedThrough& last, const std::vector<policy::Removal>& removals, bool changed);

/// Applies the rules to all mailboxes of a database, beside the mail. For one thread.
class MailboxExpiry {
 public:
  struct Surroundings {
    /// The log: a line of each mailbox from which something went, or that could not be looked through.
    std::function<void(const std::string&)> info, warning;
    /// Whether a session has the mailbox for itself (RFC 1939 s. 4): then it is left for the next time.
    std::function<bool(const std::string&)> taken;
  };
  MailboxExpiry(ExpiryPass::Database database, Surroundings around)
      : database_(database), around_(std::move(around)) {}
  /// Goes through all mailboxes and looks through those that are due, until `enough`, which is asked after
  /// each piece of work. True: that was not the end, and the next run goes on.
  bool run(const MailboxRules& rules, Time now, const std::function<bool()>& enough);
  /// The next run goes through all of them: for new rules.
  void begin_again();

 private:
  struct Known {
    std::string rule;  // the values that it was looked through with
    std::optional<store::ModSeq> modseq;
    LookedThrough last;
  };
  bool still_in_force(const MailboxRules& rules) const;
  void begin(const store::Registry::Mailbox& mailbox, const MailboxRules& rules, Time now);
  void end_pass();
  void forget_removed(const std::vector<store::Registry::Mailbox>& all);

  const ExpiryPass::Database database_;
  const Surroundings around_;
  std::map<std::uint32_t, Known> known_;  // by mailbox
  std::string after_;                     // the mailbox that the last run ended with
  std::set<std::string> told_;            // warnings, since the first mailbox
  std::optional<ExpiryPass> pass_;
  std::uint32_t of_ = 0;  // whose pass it is
  Known begun_;
};

}  // namespace hikyaku::serve
