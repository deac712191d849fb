#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/kv.h"
#include "greylist/tuple.h"
#include "greylist/tuple_rows.h"

namespace hikyaku::greylist {

/// Which tuples are listed, and in which order.
struct TupleQuery {
  enum class Order : unsigned char {
    arrival,  ///< the order of the dump file
    time,     ///< by state, and in each by its time
  };
  Order order = Order::arrival;
  std::optional<TupleState> state;
  std::optional<std::string> client;     ///< the address, or the pool
  std::optional<std::string> sender;     ///< without case; with or without angle brackets
  std::optional<std::string> recipient;  ///< the same
  /// All of these must hold.
  bool matches(const TupleEntry& entry) const;
};

struct ListedTuple {
  std::uint64_t sequence = 0;
  TupleEntry entry;
};
struct TuplePage {
  std::vector<ListedTuple> tuples;
  std::string next;         ///< where the next page begins; empty: there is none
  std::size_t damaged = 0;  ///< rows that can't be read, left out
};
constexpr std::size_t kPageScan = 10'000;  ///< rows that are read for one page: it may be short, even empty

/// At most `limit` tuples from `from` on: empty for the first page, else TuplePage::next of the one before.
/// Rows that come and go between two pages are in them or not; none is twice in the order of arrival.
Result<TuplePage> list_tuples(const Kv& kv, const TupleSpaces& spaces, const TupleQuery& query,
                              std::string_view from, std::size_t limit);

}  // namespace hikyaku::greylist
