#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/kv.h"
#include "base/result.h"
#include "greylist/peer_change.h"
#include "greylist/tuple_list.h"
#include "greylist/tuple_rows.h"
#include "greylist/tuple_table.h"

namespace hikyaku::greylist {

/// The state of greylisting in a Kv: a TupleTable, loaded from it, whose changes are saved in groups.
///
/// The owner calls flush() at least as often as changes are to be durable (each second; many decisions then
/// share one sync), expire() now and then, and both once at the end. Decisions never wait for the Kv. What
/// was not flushed when the process ends is lost: such a tuple is met for the first time again.
///
/// Thread-safe. Sequences are given out by this process: a Kv that several hubs write needs one TupleStore.
class TupleStore {
 public:
  struct Settings {
    TableSettings table;
    MatchPrefixes prefixes;
    TupleSpaces spaces;
  };
  struct Damage {
    std::size_t rows = 0;            ///< that can't be read; they stay where they are
    std::size_t not_remembered = 0;  ///< rows beyond TableSettings::most_tuples
    std::vector<std::string> first;  ///< of what can't be read: which row, and why
  };
  static constexpr std::size_t kNamed = 16;    ///< of `first`
  static constexpr std::size_t kBatch = 4096;  ///< rows in one commit, or of one read

  TupleStore(Kv& kv, const Settings& settings, const SipHash::Key& secret)
      : kv_(kv), settings_(settings), table_(settings.table, secret) {}

  /// Is told each entry that was forgotten because its time was over, by flush() and expire(), one of which
  /// has just saved that. Set before anything else.
  void on_timeout(std::function<void(const TupleEntry&)> told) { timed_out_ = std::move(told); }

  /// Reads all that is stored, half of it on a second thread. Once, before anything else. Fails only where
  /// the Kv does.
  Result<Damage> load();

  /// Decisions are asked of it; see there.
  TupleTable& table() { return table_; }
  const TupleTable& table() const { return table_; }
  MatchPrefixes prefixes() const { return settings_.prefixes; }

  struct Saved {
    std::size_t changes = 0;
    std::size_t lost = 0;  ///< changes of rows that can't be read any more
    /// To be told to the peers: what this table decided, not what it was told by them.
    std::vector<PeerChange> told;
  };
  /// Saves what has changed; synced when it returns. After a failure nothing is forgotten: the next call
  /// tries again, before anything newer.
  Result<Saved> flush();
  /// Saves too, for who reads the Kv afterwards; what is to be told comes with the next flush().
  Result<void> write_out();
  /// Forgets what has expired; flushes first. Looks at no more than `limit` entries of each state, and gives
  /// at how many: fewer than `limit` when all is done.
  Result<std::size_t> expire(Seconds now, std::size_t limit = kBatch);

  /// What a peer said. `autowhite`: for how long version 1's del whitens. False: it changed nothing.
  Result<bool> apply(const PeerChange& change, std::chrono::seconds autowhite, Seconds now);
  struct Merged {
    std::size_t taken = 0;     ///< new here, or better than what was
    std::size_t unusable = 0;  ///< of no address, or no room
  };
  /// Entries of a peer's table. Saves when much is unsaved. Fails only where the Kv does.
  Result<Merged> merge(std::vector<TupleEntry> entries, Seconds now);
  /// Forgets all entries that were learnt from this very address, gives how many (flushaddr), and tells the
  /// peers with the next flush(). O(tuples), at a few nanoseconds each.
  Result<std::size_t> flush_address(std::string_view address);
  /// By a sequence of list(). False: there is none.
  Result<bool> release(std::uint64_t sequence, std::chrono::seconds autowhite, Seconds now);
  Result<bool> erase(std::uint64_t sequence);
  /// A line of a dump file, met now as far as anybody knows. Saves when much is unsaved. False: no room.
  Result<bool> import(TupleEntry entry, Seconds now);

  /// What is stored; flush() first, or the last moment is missing.
  Result<TuplePage> list(const TupleQuery& query, std::string_view from, std::size_t limit) const {
    return list_tuples(kv_, settings_.spaces, query, from, limit);
  }

 private:
  struct Part {
    Damage damage;
    std::uint64_t last = 0;
  };
  struct Group {
    Kv::Batch batch;
    Saved saved;
    std::vector<TupleEntry> timed_out;
  };
  void load_row(const Kv::Row& row, Part& part);
  Result<Part> load_part(std::string from, const std::string& end);
  /// Where the half of the rows is, about.
  Result<std::uint64_t> last_sequence() const;
  Result<void> flush_locked();
  Result<void> save_waiting();
  Result<Group> group(const TupleChange* begin, const TupleChange* end) const;
  void save(const TupleChange& change, std::optional<TupleEntry> entry, Group& group) const;
  Result<std::size_t> expire_state(TupleState state, Seconds now, std::size_t limit);
  Result<std::size_t> remove_address(std::string_view address);
  Result<bool> with_entry(std::uint64_t sequence, const std::function<bool(const Tuple&)>& act);
  Result<std::optional<TupleEntry>> entry(std::uint64_t sequence) const;

  Kv& kv_;
  const Settings settings_;
  TupleTable table_;
  std::function<void(const TupleEntry&)> timed_out_ = [](const TupleEntry&) {};
  std::mutex flushing_;               // guards what follows; never taken by a decision
  std::vector<TupleChange> waiting_;  // taken from the table, not saved; the newest last
  std::size_t done_ = 0;              // of waiting_
  Saved saved_;                       // what flush() has not told yet
};

}  // namespace hikyaku::greylist
