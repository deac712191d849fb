#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/kv.h"
#include "greylist/tuple.h"

namespace hikyaku::greylist {

/// Where tuples are in a Kv.
struct TupleSpaces {
  Kv::Space entries = 0;  ///< sequence -> encode(TupleEntry): the order of arrival, and of the dump file
  Kv::Space times = 1;    ///< state, time, sequence -> nothing: what expires, and lists
};

/// Eight octets, the highest first.
std::string sequence_key(std::uint64_t sequence);
std::optional<std::uint64_t> parse_sequence_key(std::string_view key);

/// A row of the index of times.
struct TupleTimeKey {
  TupleState state = TupleState::pending;
  Seconds time{};  ///< not before 1970
  std::uint64_t sequence = 0;

  std::string key() const;
  /// nullopt: it is none.
  static std::optional<TupleTimeKey> parse(std::string_view key);
  /// All of the state before `time` are prefix(state) <= key < prefix(state, time).
  static std::string prefix(TupleState state);
  static std::string prefix(TupleState state, Seconds time);
};

}  // namespace hikyaku::greylist
