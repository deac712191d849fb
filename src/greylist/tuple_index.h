#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/sip_hash.h"
#include "greylist/tuple.h"

namespace hikyaku::greylist {

/// What a decision needs of one remembered tuple, in 72 octets; its texts are in the Kv alone.
struct TupleNode {
  SipHash::Value hash{};         ///< of client, sender and recipient
  std::uint64_t client = 0;      ///< keyed hash of the client's network or pool
  std::uint64_t sequence = 0;    ///< in the order of arrival, from 1; the key of the row
  std::int64_t time = 0;         ///< TupleFacts::time, seconds since 1970
  std::uint32_t address = 0;     ///< keyed hash of the address that was seen first; may meet another's
  std::uint32_t first_seen = 0;  ///< seconds since 1970, until 2106
  std::uint32_t last_seen = 0;
  std::uint32_t tries = 0, passes = 0;
  std::uint32_t next = 0;         ///< of the same bucket
  std::uint32_t tarpit : 29 = 0;  ///< seconds
  std::uint32_t state : 3 = 1;

  TupleFacts facts() const;
  void set(const TupleFacts& facts);
};
static_assert(sizeof(TupleNode) == 72);

/// Nodes by their hash, several of one hash allowed: a hash table that grows by one bucket at a time (linear
/// hashing), so that no insertion takes longer than another however many there are. Memory: 72 octets a node
/// and 4 a bucket, and it is never given back. Not thread-safe.
class TupleIndex {
 public:
  using Place = std::uint32_t;
  static constexpr Place kNone = UINT32_MAX;

  TupleIndex() : heads_(kFirstBuckets, kNone) {}

  Place insert(const TupleNode& node);
  void erase(Place place);
  TupleNode& at(Place place) { return (*chunks_[place / kChunk])[place % kChunk]; }
  const TupleNode& at(Place place) const { return (*chunks_[place / kChunk])[place % kChunk]; }
  /// The first node of the hash, or the next one after `place`; kNone: there is none.
  Place find(const SipHash::Value& hash) const { return same(heads_[bucket(hash)], hash); }
  Place next(Place place) const { return same(at(place).next, at(place).hash); }

  std::size_t size() const { return size_; }
  /// Nodes are at the places below this one; those that erase() left have sequence 0.
  Place places() const { return used_; }
  std::size_t memory() const;

 private:
  static constexpr std::size_t kChunk = 256;
  static constexpr std::size_t kFirstBuckets = 64;
  using Chunk = std::array<TupleNode, kChunk>;

  std::size_t bucket(const SipHash::Value& hash) const;
  Place same(Place place, const SipHash::Value& hash) const;
  void split();

  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::deque<Place> heads_;            // of the buckets; a deque, because it grows without moving
  std::size_t round_ = kFirstBuckets;  // buckets at the beginning of this doubling
  Place used_ = 0, free_ = kNone;
  std::size_t size_ = 0;
};

}  // namespace hikyaku::greylist
