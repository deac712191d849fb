#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/explanation.h"
#include "base/origin.h"
#include "base/result.h"
#include "base/time.h"
#include "table/maps.h"

namespace hikyaku::policy {

/// A clause that removes mail from a mailbox: "expire 30d seen", "most 1000 flagged".
struct Removal {
  enum class Kind : unsigned char {
    expire,  ///< what came longer ago than `age`
    most,    ///< all but the `most` that came into the mailbox last
  };
  Kind kind = Kind::expire;
  std::chrono::seconds age{};
  std::uint64_t most = 0;
  bool seen_only = false;    ///< `seen`: a message that was not read stays
  bool flagged_too = false;  ///< `flagged`: else a flagged message stays
  std::string text;          ///< as written
  bool operator==(const Removal&) const = default;
};

/// A value of hikyaku_mailbox_expire_maps: clauses between commas. It may answer two questions, what is
/// removed by itself and how long what was removed can be restored at least; `none` answers both.
struct RetentionRule {
  static constexpr std::size_t kMostClauses = 16;
  static constexpr std::uint64_t kMostMessages = 1'000'000;      ///< of `most`
  static constexpr std::chrono::hours kLongest{24 * 365 * 200};  ///< an age

  /// nullopt: says nothing of it. Empty: nothing is removed by itself.
  std::optional<std::vector<Removal>> removals;
  /// nullopt: says nothing of it; 0: no longer than everywhere.
  std::optional<std::chrono::seconds> retain;
  bool hold = false;  ///< for ever

  /// `expire AGE [seen] [flagged]` (several), `expire never`, `most N [seen] [flagged]`, `retain AGE`,
  /// `hold`, `none`. AGE is a number from 1 with s, m, h, d, w or y (365 days). Fails with Fault::malformed,
  /// naming the clause. Pure.
  static Result<RetentionRule> parse(std::string_view value);
  bool operator==(const RetentionRule&) const = default;
};

/// One key to look up, and where it may be: only the mailbox's own name is a key of pattern tables.
struct RetentionKey {
  std::string key;
  table::KeyPart part = table::KeyPart::partial;
  bool operator==(const RetentionKey&) const = default;
};
/// The keys of a mailbox, the most special first. `account`: "joe@example.org", or "joe" of a local user,
/// which has no keys with '@'. `folder`: "Archive/2026", or empty for the INBOX, which stands in keys as
/// "INBOX": joe@example.org/Archive/2026, joe@example.org/Archive, joe@example.org,
/// @example.org/Archive/2026,
/// @example.org/Archive, /Archive/2026, /Archive, @example.org, *. Pure.
std::vector<RetentionKey> retention_keys(std::string_view account, std::string_view folder);

/// What is in force for one mailbox: for each question the first answer.
struct Retention {
  struct Source {
    std::string key, value;
    Origin origin;
  };
  std::vector<Removal> removals;
  std::optional<Source> removal_source;  ///< nullopt: no rule, nothing is removed by itself
  std::chrono::seconds retain{};
  bool hold = false;
  std::optional<Source> retain_source;

  /// What was removed before this may be purged; nullopt: nothing may. `lifetime`: of removed mail in
  /// general.
  std::optional<Time> purge_before(std::chrono::seconds lifetime, Time now) const;
  bool keeps_removed() const { return hold || retain.count() > 0; }
};

/// The tables of hikyaku_mailbox_expire_maps. Immutable; thread-safe.
class RetentionMaps {
 public:
  RetentionMaps() = default;
  RetentionMaps(table::Maps maps, std::shared_ptr<const SourceCatalogue> sources)
      : maps_(std::move(maps)), sources_(std::move(sources)) {}
  bool empty() const { return maps_.empty(); }
  /// "/etc/hikyaku/expire:3", of an answer.
  std::string place(const Retention::Source& source) const;
  /// Looks keys up until both questions are answered. An Error, when a table can't answer or a value is none
  /// (with its file and line), is a reason to remove nothing at all. `trail` gets the keys; may be null.
  /// Blocks as the tables do.
  Result<Retention> find(std::string_view account, std::string_view folder, KeyTrail* trail) const;

 private:
  table::Maps maps_;
  std::shared_ptr<const SourceCatalogue> sources_;
};

/// What is known of a message when it is decided whether it goes.
struct RetentionFacts {
  Time received{};  ///< INTERNALDATE
  bool seen = false, flagged = false;
  bool among_newest = true;  ///< is one of the `most` that came last
};
/// The first condition of a clause that does not hold for a message.
enum class Unmet : unsigned char { nothing, too_young, among_newest, unseen, flagged };
Unmet unmet(const Removal& removal, const RetentionFacts& facts, Time now);
/// The first clause that removes the message; null: it stays. Pure, as all here.
const Removal* decide(const std::vector<Removal>& removals, const RetentionFacts& facts, Time now);
/// Of a message that stays: the first condition of each clause that does not hold, for people.
std::string why_kept(const std::vector<Removal>& removals, const RetentionFacts& facts, Time now);
/// When it would go if nothing but the time changes; nullopt: not at all.
std::optional<Time> falls_due(const std::vector<Removal>& removals, const RetentionFacts& facts);

}  // namespace hikyaku::policy
