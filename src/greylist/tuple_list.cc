#include "greylist/tuple_list.h"

#include <algorithm>

#include "greylist/facts.h"

namespace hikyaku::greylist {
namespace {

bool same_path(const std::optional<std::string>& wanted, std::string_view path) {
  return !wanted || same_address(*wanted, path);
}

/// Adds one row to the page, if it is wanted.
void add_row(const TupleQuery& query, std::uint64_t sequence, std::string_view row, TuplePage& page) {
  auto entry = decode_tuple(row);
  if (!entry) {
    ++page.damaged;
  } else if (query.matches(*entry)) {
    page.tuples.push_back({sequence, std::move(*entry)});
  }
}

Result<void> by_arrival(const Kv& kv, const TupleSpaces& spaces, const TupleQuery& query,
                        std::string_view from, std::size_t limit, TuplePage& page) {
  const auto rows = kv.scan(spaces.entries, from, {}, kPageScan);
  if (!rows) return std::unexpected(rows.error());
  for (const auto& [key, row] : *rows) {
    if (page.tuples.size() == limit) {
      page.next = key;
      return {};
    }
    add_row(query, parse_sequence_key(key).value_or(0), row, page);
  }
  if (rows->size() == kPageScan) page.next = rows->back().first + '\0';
  return {};
}

Result<void> by_time(const Kv& kv, const TupleSpaces& spaces, const TupleQuery& query, std::string_view from,
                     std::size_t limit, TuplePage& page) {
  std::string begin(from), end;
  if (query.state) {
    begin = std::max(begin, TupleTimeKey::prefix(*query.state));
    end = prefix_end(TupleTimeKey::prefix(*query.state));
  }
  const auto rows = kv.scan(spaces.times, begin, end, kPageScan);
  if (!rows) return std::unexpected(rows.error());
  constexpr std::size_t kAtOnce = 256;  // few are read in vain when the page is full
  for (std::size_t i = 0; i < rows->size(); i += kAtOnce) {
    const auto last = std::min(i + kAtOnce, rows->size());
    std::vector<std::string> keys;
    for (auto j = i; j < last; ++j) {
      const auto key = TupleTimeKey::parse((*rows)[j].first);
      keys.push_back(sequence_key(key ? key->sequence : 0));
    }
    const auto entries = kv.multi_get(spaces.entries, keys);
    if (!entries) return std::unexpected(entries.error());
    for (auto j = i; j < last; ++j) {
      if (page.tuples.size() == limit) {
        page.next = (*rows)[j].first;
        return {};
      }
      const auto& row = (*entries)[j - i];
      if (row) add_row(query, *parse_sequence_key(keys[j - i]), *row, page);
    }
  }
  if (rows->size() == kPageScan) page.next = rows->back().first + '\0';
  return {};
}

}  // namespace

bool TupleQuery::matches(const TupleEntry& entry) const {
  return (!state || entry.facts.state == *state) &&
         (!client || *client == entry.address || *client == entry.pool) && same_path(sender, entry.sender) &&
         same_path(recipient, entry.recipient);
}

Result<TuplePage> list_tuples(const Kv& kv, const TupleSpaces& spaces, const TupleQuery& query,
                              std::string_view from, std::size_t limit) {
  TuplePage page;
  const bool arrival = query.order == TupleQuery::Order::arrival;
  auto done = arrival ? by_arrival(kv, spaces, query, from, limit, page)
                      : by_time(kv, spaces, query, from, limit, page);
  if (!done) return std::unexpected(done.error());
  return page;
}

}  // namespace hikyaku::greylist
