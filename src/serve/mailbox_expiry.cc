#include "serve/mailbox_expiry.h"

#include <algorithm>
#include <utility>

#include "base/escape.h"
#include "store/messages.h"
#include "store/registry.h"

namespace hikyaku::serve {
namespace {

constexpr std::size_t kLookedAtOnce = 500;   // rows
constexpr std::size_t kRemovedAtOnce = 200;  // messages: a commit that holds others up for some milliseconds
constexpr int kTries = 5;
constexpr std::uint64_t kManyMessages = 10'000;
constexpr std::chrono::hours kDay{24};
constexpr std::size_t kWarnings = 10;

std::uint64_t most_of(const std::vector<policy::Removal>& removals) {
  std::uint64_t most = 0;
  for (const auto& one : removals) {
    if (one.kind == policy::Removal::Kind::most) most = one.most;
  }
  return most;
}

/// What of it has an effect on a pass.
std::string text_of(const policy::Retention& rule, const MailboxRules& rules) {
  std::string text = rules.keeps_removed(rule) ? "recoverable" : "for good";
  for (const auto& one : rule.removals) text += ", " + one.text;
  return text;
}

}  // namespace

ExpiryPass::ExpiryPass(Database database, std::string mailbox, std::vector<policy::Removal> removals,
                       bool recoverable, Time now, Mode mode, Told told)
    : database_(database),
      mailbox_(std::move(mailbox)),
      removals_(std::move(removals)),
      recoverable_(recoverable),
      now_(now),
      mode_(mode),
      told_(std::move(told)) {
  if (most_of(removals_) > 0) count_from_ = 1;
}

/// Which messages are the newest has to be known before the first is removed: by their UIDs, so that what
/// somebody else removes meanwhile does not move the border.
Result<bool> ExpiryPass::count() {
  const auto listing = database_.store.scan(mailbox_, *count_from_, kLookedAtOnce);
  if (!listing) return std::unexpected(listing.error());
  const auto most = most_of(removals_);
  for (const auto& item : listing->items) {
    if (newest_.size() < most) {
      newest_.push_back(item.uid);
    } else {
      newest_[static_cast<std::size_t>(counted_ % most)] = item.uid;
    }
    ++counted_;
  }
  count_from_ = listing->next;
  if (!count_from_ && !newest_.empty()) {
    first_of_newest_ = *std::ranges::min_element(newest_);
    newest_ = {};
  }
  return true;
}

policy::RetentionFacts ExpiryPass::facts(store::Uid uid, const record::MessageRecord& message) const {
  return {std::max(message.received, message.restored), message.flags.seen, message.flags.flagged,
          uid >= first_of_newest_};
}

Result<bool> ExpiryPass::step() {
  if (count_from_) return count();
  if (!decide_from_) return false;
  const auto listing = database_.store.scan(mailbox_, *decide_from_, kLookedAtOnce);
  if (!listing) return std::unexpected(listing.error());
  std::vector<store::Uid> going;
  for (const auto& item : listing->items) {
    const auto known = facts(item.uid, item.message);
    const auto* by = policy::decide(removals_, known, now_);
    if (told_) told_(item, known, by);
    if (by != nullptr) {
      going.push_back(item.uid);
      if (mode_ == Mode::tell) tally_.octets += item.size();
    } else if (const auto due = policy::falls_due(removals_, known)) {
      tally_.next_due = std::min(tally_.next_due.value_or(*due), *due);
    }
  }
  tally_.messages += listing->items.size();
  tally_.damaged += listing->damaged.size();
  if (mode_ == Mode::tell) {
    tally_.expired += going.size();
  } else {
    for (std::size_t done = 0; done < going.size(); done += kRemovedAtOnce) {
      const auto first = going.begin() + static_cast<std::ptrdiff_t>(done);
      const auto count = std::min(kRemovedAtOnce, going.size() - done);
      auto removed = remove({first, first + static_cast<std::ptrdiff_t>(count)});
      if (!removed) return std::unexpected(std::move(removed.error()));
    }
  }
  decide_from_ = listing->next;
  return decide_from_.has_value();
}

Result<void> ExpiryPass::remove(const std::vector<store::Uid>& uids) {
  Result<void> done;
  for (int i = 0; i < kTries; ++i) {
    Kv::Batch batch;
    std::uint64_t octets = 0;
    // It may have been flagged since it was looked at.
    const auto still = [&](store::Uid uid, const record::MessageRecord& message) {
      if (policy::decide(removals_, facts(uid, message), now_) == nullptr) return false;
      octets += message.prefix.size() + message.body_size;
      return true;
    };
    auto expunged = store::expunge(database_.store, batch, mailbox_, uids,
                                   recoverable_ ? std::optional(now_) : std::nullopt, still);
    if (!expunged) return std::unexpected(std::move(expunged.error()));
    if (batch.empty()) return {};
    done = database_.commits.commit(std::move(batch));
    if (!done && done.error().fault == Fault::not_found) continue;
    if (!done) return done;
    expunged->change.committed();
    tally_.expired += expunged->uids.size();
    tally_.octets += octets;
    for (const auto& name : expunged->unused_blobs) {
      // Else the next opening of the database does it.
      if (auto gone = database_.blob.remove(name); !gone && tally_.warnings.size() < kWarnings)
        tally_.warnings.push_back(gone.error().text);
    }
    return {};
  }
  return fail(Fault::temporary, "mailbox '" + mailbox_ + "' changes all the while");
}

Time next_look(const LookedThrough& last, const std::vector<policy::Removal>& removals, bool changed) {
  auto next = last.next_due.value_or(Time::max());
  const bool large = last.messages > kManyMessages;
  if (changed) {
    // What has come since came after `at`; only what was imported, or whose flags changed, may be due sooner.
    std::chrono::seconds soonest = kDay;
    for (const auto& one : removals) {
      soonest =
          std::min(soonest, one.kind == policy::Removal::Kind::most ? std::chrono::seconds{0} : one.age);
    }
    next = std::min(next, last.at + soonest);
  }
  return large ? std::max(next, last.at + kDay) : next;
}

void MailboxExpiry::forget_removed(const std::vector<store::Registry::Mailbox>& all) {
  std::map<std::uint32_t, Known> left;
  for (const auto& mailbox : all) {
    if (const auto at = known_.find(mailbox.record.id); at != known_.end()) left.insert(*at);
  }
  known_ = std::move(left);
}

void MailboxExpiry::begin(const store::Registry::Mailbox& mailbox, const MailboxRules& rules, Time now) {
  const auto id = mailbox.record.id;
  const auto rule = rules.of(mailbox.name);
  if (!rule) {
    // The same line of a table may be meant for all.
    if (told_.size() < kWarnings && told_.insert(rule.error().text).second) {
      around_.warning("mailbox " + escaped(mailbox.name) +
                      ": nothing is expired: " + escaped(rule.error().text));
    }
    return;
  }
  if (rule->removals.empty()) {
    known_.erase(id);
    return;
  }
  // What is not to be seen yet is a change when it is.
  const auto modseq = mailbox.first_held_modseq ? mailbox.first_held_modseq : mailbox.next_modseq;
  const auto text = text_of(*rule, rules);
  if (const auto at = known_.find(id); at != known_.end() && at->second.rule == text) {
    const auto& known = at->second;
    if (now >= known.last.at && now < next_look(known.last, rule->removals, known.modseq != modseq)) return;
  }
  if (around_.taken(mailbox.name)) return;
  pass_.emplace(database_, mailbox.name, rule->removals, rules.keeps_removed(*rule), now,
                ExpiryPass::Mode::remove);
  of_ = id;
  begun_ = {text, modseq, {now, {}, 0}};
}

void MailboxExpiry::begin_again() {
  pass_.reset();
  after_.clear();
}

/// A table may have changed since the pass began.
bool MailboxExpiry::still_in_force(const MailboxRules& rules) const {
  const auto rule = rules.of(pass_->mailbox());
  return rule && text_of(*rule, rules) == begun_.rule;
}

void MailboxExpiry::end_pass() {
  const auto& tally = pass_->tally();
  begun_.last.next_due = tally.next_due;
  begun_.last.messages = tally.messages - tally.expired;
  known_[of_] = std::move(begun_);
  const auto name = escaped(pass_->mailbox());
  if (tally.expired > 0) {
    around_.info("mailbox " + name + ": " + std::to_string(tally.expired) + " of " +
                 std::to_string(tally.messages) + " messages expired, " + std::to_string(tally.octets) +
                 " octets");
  }
  for (const auto& warning : tally.warnings) around_.warning("mailbox " + name + ": " + escaped(warning));
  pass_.reset();
}

bool MailboxExpiry::run(const MailboxRules& rules, Time now, const std::function<bool()>& enough) {
  const auto all = database_.store.registry().all();
  if (pass_ && !still_in_force(rules)) begin_again();
  if (after_.empty()) {
    forget_removed(all);
    told_.clear();
  }
  auto at = std::ranges::upper_bound(all, after_, {}, &store::Registry::Mailbox::name);
  while (!enough()) {
    if (!pass_) {
      if (at == all.end()) {
        after_.clear();
        return false;
      }
      after_ = at->name;
      if (at->record.selectable) begin(*at, rules, now);
      ++at;
      continue;
    }
    const auto more = pass_->step();
    if (!more) {
      // What was renamed or removed meanwhile is another one's, or nobody's.
      if (more.error().fault != Fault::not_found)
        around_.warning("expire mail of mailbox " + escaped(pass_->mailbox()) + ": " +
                        escaped(more.error().text));
      pass_.reset();
    } else if (!*more) {
      end_pass();
    }
  }
  return true;
}

}  // namespace hikyaku::serve
