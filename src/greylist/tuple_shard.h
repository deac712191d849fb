#pragma once
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "greylist/tuple_decision.h"
#include "greylist/tuple_index.h"

namespace hikyaku::greylist {

/// The keyed hashes of a tuple: all that finds it in memory.
struct TupleKey {
  SipHash::Value hash{};
  std::uint64_t client = 0;
  std::uint32_t address = 0;
};

/// One part of a TupleTable, with a lock of its own; what the operations mean is told there. Thread-safe.
class TupleShard {
 public:
  /// What all parts of a table share.
  struct Common {
    TableSettings settings;
    std::size_t shards = 1;
    std::atomic<std::uint64_t> next_sequence{1};
    std::atomic<std::size_t> tuples{0};
    std::atomic<std::size_t> unsaved_new{0};  ///< that the Kv does not know
  };
  enum class Added : unsigned char { added, known, full };
  enum class Merged : unsigned char { taken, known, full };
  /// Equal tuples that are remembered side by side; more are not.
  static constexpr std::size_t kMostEqual = 64;
  static constexpr std::size_t kStates = 5;  ///< numbers of TupleState, from 0

  explicit TupleShard(Common& common) : common_(common) {}

  std::uint32_t passes(const TupleKey& key, Seconds now);
  std::uint32_t note_pass(const TupleKey& key, const Tuple& record, Seconds until, Seconds now);
  TupleDecision decide(const TupleKey& key, const Tuple& tuple, const GreylistTimes& times, Seconds now);
  std::optional<std::chrono::seconds> tarpitted(const TupleKey& key, Seconds now);
  bool release(const TupleKey& key, std::uint64_t sequence, std::chrono::seconds autowhite, Seconds now);
  bool tarpit(const TupleKey& key, std::chrono::seconds wait, Seconds now);
  Added import(const TupleKey& key, TupleEntry entry);
  Added peer_add(const TupleKey& key, TupleEntry entry, Seconds now);
  bool peer_passed(const TupleKey& key, TupleEntry entry, Seconds until, Seconds now);
  Merged merge(const TupleKey& key, TupleEntry entry, Seconds now);
  bool erase(const TupleKey& key, std::uint64_t sequence);
  /// Forgets the node without a change for the Kv: false where it is remembered and not expired.
  bool drop_expired(const TupleKey& key, std::uint64_t sequence, Seconds now);
  /// Takes over what the Kv has.
  bool load(const TupleKey& key, std::uint64_t sequence, const TupleFacts& facts);

  /// Appends the sequences of what may have been learnt from the address of this hash.
  void find_address(std::uint32_t address, std::vector<std::uint64_t>& sequences) const;
  void take_changes(std::vector<TupleChange>& changes);
  void count(std::size_t (&states)[kStates], std::size_t& unsaved, std::size_t& memory) const;

 private:
  using Place = TupleIndex::Place;
  struct Unsaved {
    TupleChange change;
    Place place = TupleIndex::kNone;
  };
  struct Wanted {
    bool pending = true, autowhite = true, tarpit = true, record = false;
  };
  static constexpr Wanted kRecord{.pending = false, .autowhite = false, .tarpit = false, .record = true};
  bool is_expired(const TupleNode& node, Seconds now) const;
  /// The earliest that is wanted; equal ones that have expired are forgotten on the way.
  Place earliest(const TupleKey& key, Wanted wanted, Seconds now);
  Place earliest_of_client(std::uint64_t client, Place best, Seconds now);
  Added add(const TupleKey& key, TupleEntry entry);
  /// The first with this time, else the first that is no tarpit; only of the same address.
  Place find_passed(const TupleKey& key, Seconds time, Seconds now) const;
  /// Of the same address the autowhite one, else the first.
  Place find_best(const TupleKey& key, Seconds now) const;
  Place find_sequence(const TupleKey& key, std::uint64_t sequence) const;
  Place insert(const TupleKey& key, std::uint64_t sequence, const TupleFacts& facts);
  /// Creates one that the Kv has not; kNone: there is no room.
  Place create(const TupleKey& key, TupleEntry entry);
  TupleDecision meet_first(const TupleKey& key, const Tuple& tuple, const GreylistTimes& times, Seconds now);
  TupleDecision meet_again(Place place, const GreylistTimes& times, Seconds now);
  Unsaved& unsaved(Place place);
  void change(Place place, const TupleFacts& facts);
  /// It passes: autowhite until `until`, or forgotten where that is no later than now.
  void pass(Place place, Seconds until, Seconds now, bool tell);
  void forget(Place place);
  void time_out(Place place);
  void remove_node(Place place);
  /// One more try: worth nothing while there is much to save.
  void count_try(Place place, Seconds now);
  void note_autowhite(Place place, bool present);

  Common& common_;
  mutable std::mutex mutex_;
  TupleIndex index_;
  std::unordered_map<std::uint64_t, Unsaved> unsaved_;
  std::size_t states_[kStates] = {};
  // With lazyaw: the autowhite ones of each client in the order of their sequences.
  std::map<std::pair<std::uint64_t, std::uint64_t>, Place> autowhite_;
};

}  // namespace hikyaku::greylist
