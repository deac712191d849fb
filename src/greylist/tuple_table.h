#pragma once
#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "base/sip_hash.h"
#include "greylist/tuple.h"
#include "greylist/tuple_decision.h"
#include "greylist/tuple_shard.h"

namespace hikyaku::greylist {

/// The tuples that are remembered, as decisions need them, and the changes that are not saved yet. In memory
/// alone: TupleStore fills it from the Kv and saves the changes. Thread-safe; time is handed in; no call
/// waits for anything but another on the same 64th of the table.
///
/// It decides as milter-greylist 4.6.4 does (pending_check and its neighbours), but for this:
/// - Senders and recipients compare without case, for every state; milter-greylist does so for autowhite
///   tuples only, and only where the first two characters agree.
/// - A tuple is found by a hash, where milter-greylist walks a list that grows with the tuples of a network.
///   Of several entries that match, the one that came first still decides.
/// - Tuples are found by the network that the client was in when they were loaded or met: a change of
///   subnetmatch needs another table.
class TupleTable {
 public:
  /// `secret` is random, and new with each process.
  TupleTable(const TableSettings& settings, const SipHash::Key& secret);

  /// Says what to do with a message of this tuple, and remembers it. An entry that is autowhite slides; a
  /// pending one that is due becomes autowhite, or is forgotten without `autowhite`; a tarpit entry does not
  /// count. With lazyaw an autowhite entry of the same client counts for every tuple, unless a pending one of
  /// just this tuple came before it.
  TupleDecision decide(const Tuple& tuple, const GreylistTimes& times, Seconds now);
  /// How often mail has passed of which this is the sending_record().
  std::uint32_t passes(const Tuple& record, Seconds now);
  /// One more time; without another it is forgotten after `lifetime`. Gives how often by now; 0: there is no
  /// room for it.
  std::uint32_t note_pass(const Tuple& record, std::chrono::seconds lifetime, Seconds now);
  /// The shortest wait that this tuple's client did not bear; nullopt: none is known.
  std::optional<std::chrono::seconds> tarpitted(const Tuple& tuple, Seconds now);
  /// The client hung up while it was kept waiting. False: the tuple is not known.
  bool tarpit(const Tuple& tuple, std::chrono::seconds wait, Seconds now);
  /// Makes the earliest entry of the tuple autowhite from now on, whatever it is. False: there is none.
  bool release(const Tuple& tuple, std::chrono::seconds autowhite, Seconds now);
  /// The same for one entry.
  bool release(const Tuple& tuple, std::uint64_t sequence, std::chrono::seconds autowhite, Seconds now);
  /// Forgets one entry.
  bool erase(const Tuple& tuple, std::uint64_t sequence);
  /// Takes in an entry from a dump file, after all that are there, also beside an equal one (until there are
  /// TupleShard::kMostEqual).
  TupleShard::Added import(const Tuple& tuple, const TupleEntry& entry);
  /// A peer has met the tuple first, and lets it pass from `time` on. Nothing happens where the same is known
  /// already of that address, or it is autowhite.
  TupleShard::Added peer_add(const Tuple& tuple, Seconds time, Seconds now);
  /// A peer let the tuple, which it had as one of `time`, pass until `until`; not after now: it forgot it. It
  /// is the entry of the same address with that time, or else the earliest; where there is none, an autowhite
  /// one is made. False: nothing happened.
  ///
  /// milter-greylist looks for the exact time alone. But when it tells a change, it has often forgotten the
  /// time before and names the new one, and what it could not tell at once it tells in reverse order: a pass
  /// comes before its tuple, and both with the time of the pass. Its like never finds those.
  bool peer_passed(const Tuple& tuple, Seconds time, Seconds until, Seconds now);

  /// An entry of a peer's table. Where the same is known of that address it is not beside it, but the one
  /// that lets the sender pass sooner, or longer, is kept. Peers are not told.
  TupleShard::Merged merge(const Tuple& tuple, TupleEntry entry, Seconds now);

  /// For TupleStore:
  bool load(const Tuple& tuple, std::uint64_t sequence, const TupleFacts& facts);
  bool drop_expired(const Tuple& tuple, std::uint64_t sequence, Seconds now);
  /// Entries that may have been learnt from this address, by their sequences.
  std::vector<std::uint64_t> find_address(std::string_view address) const;
  /// The changes since the last call, in no order, at most one of a sequence.
  std::vector<TupleChange> take_changes();
  /// Sequences from here on are new.
  void start_sequences_at(std::uint64_t next) { common_.next_sequence = next; }

  struct Load {
    std::size_t pending = 0, autowhite = 0, tarpit = 0, records = 0;
    std::size_t unsaved = 0;
    std::size_t memory = 0;  ///< octets
  };
  Load load() const;
  const TableSettings& settings() const { return common_.settings; }

 private:
  static constexpr std::size_t kShards = 64;
  TupleKey key(const Tuple& tuple) const;
  TupleShard& shard(const TupleKey& key);

  TupleShard::Common common_;
  SipHash hash_;
  std::array<std::unique_ptr<TupleShard>, kShards> shards_;
};

}  // namespace hikyaku::greylist
