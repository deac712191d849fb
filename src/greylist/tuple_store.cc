#include "greylist/tuple_store.h"

#include <algorithm>
#include <future>
#include <iterator>
#include <utility>

#include "base/escape.h"

namespace hikyaku::greylist {

void TupleStore::load_row(const Kv::Row& row, Part& part) {
  const auto unreadable = [&part](std::string_view key, const std::string& why) {
    auto& damage = part.damage;
    if (++damage.rows <= kNamed) damage.first.push_back("row " + escaped(key) + ": " + why);
  };
  const auto sequence = parse_sequence_key(row.first);
  if (!sequence || *sequence == 0) {
    unreadable(row.first, "a greylist row has a key that is no sequence");
    return;
  }
  part.last = *sequence;
  auto entry = decode_tuple(row.second);
  const auto facts = entry ? entry->facts : TupleFacts();
  const auto tuple =
      entry ? std::move(*entry).tuple(settings_.prefixes) : std::unexpected(std::move(entry.error()));
  if (!tuple) {
    unreadable(std::to_string(*sequence), tuple.error().text);
  } else if (!table_.load(*tuple, *sequence, facts)) {
    ++part.damage.not_remembered;
  }
}

Result<TupleStore::Part> TupleStore::load_part(std::string from, const std::string& end) {
  Part part;
  for (;;) {
    const auto rows = kv_.scan(settings_.spaces.entries, from, end, kBatch);
    if (!rows) return std::unexpected(rows.error());
    for (const auto& row : *rows) load_row(row, part);
    if (rows->size() < kBatch) return part;
    from = rows->back().first + '\0';
  }
}

Result<std::uint64_t> TupleStore::last_sequence() const {
  std::uint64_t low = 0, high = UINT64_MAX;
  while (low < high) {
    const auto middle = low + (high - low) / 2 + 1;
    const auto row = kv_.scan(settings_.spaces.entries, sequence_key(middle), {}, 1);
    if (!row) return std::unexpected(row.error());
    if (row->empty()) {
      high = middle - 1;
    } else {
      low = middle;
    }
  }
  return low;
}

Result<TupleStore::Damage> TupleStore::load() {
  const auto last = last_sequence();
  if (!last) return std::unexpected(last.error());
  const auto first = kv_.scan(settings_.spaces.entries, {}, {}, 1);
  if (!first) return std::unexpected(first.error());
  const auto begin = first->empty() ? 0 : parse_sequence_key(first->front().first).value_or(0);
  const auto middle = sequence_key(begin + (*last - begin) / 2);
  auto other = std::async(std::launch::async, [&] { return load_part(middle, {}); });
  auto part = load_part({}, middle);
  auto rest = other.get();
  if (!part) return std::unexpected(part.error());
  if (!rest) return std::unexpected(rest.error());
  auto& damage = part->damage;
  damage.rows += rest->damage.rows;
  damage.not_remembered += rest->damage.not_remembered;
  for (auto& one : rest->damage.first) {
    if (damage.first.size() < kNamed) damage.first.push_back(std::move(one));
  }
  table_.start_sequences_at(std::max(part->last, rest->last) + 1);
  return damage;
}

void TupleStore::save(const TupleChange& change, std::optional<TupleEntry> entry, Group& group) const {
  const auto& spaces = settings_.spaces;
  if (!entry) {
    ++group.saved.lost;
    return;
  }
  ++group.saved.changes;
  PeerChange told{PeerChange::Kind::add, entry->address,     entry->sender,
                  entry->recipient,      change.stored_time, {}};
  told.pool = entry->pool;
  if (change.tell_created) group.saved.told.push_back(told);
  if (change.tell_passed) {
    told.kind = PeerChange::Kind::del2;
    told.autowhite = change.facts.time;
    group.saved.told.push_back(std::move(told));
  }
  auto key = sequence_key(change.sequence);
  const auto before = TupleTimeKey{change.stored_state, change.stored_time, change.sequence}.key();
  const auto after = TupleTimeKey{change.facts.state, change.facts.time, change.sequence}.key();
  if (!change.created && (change.removed || before != after)) group.batch.remove(spaces.times, before);
  if (change.removed) {
    if (change.timed_out) group.timed_out.push_back(std::move(*entry));
    group.batch.remove(spaces.entries, std::move(key));
    return;
  }
  entry->facts = change.facts;
  group.batch.put(spaces.entries, std::move(key), encode(*entry));
  if (change.created || before != after) group.batch.put(spaces.times, after, {});
}

Result<TupleStore::Group> TupleStore::group(const TupleChange* begin, const TupleChange* end) const {
  std::vector<std::string> keys;
  for (const auto* change = begin; change != end; ++change) {
    if (!change->created) keys.push_back(sequence_key(change->sequence));
  }
  auto rows = kv_.multi_get(settings_.spaces.entries, keys);
  if (!rows) return std::unexpected(rows.error());
  Group group;
  auto row = rows->begin();
  for (const auto* change = begin; change != end; ++change) {
    if (change->created) {
      save(*change, *change->entry, group);
      continue;
    }
    auto entry = *row ? decode_tuple(**row) : fail(Fault::not_found, "");
    ++row;
    save(*change, entry ? std::optional(std::move(*entry)) : std::nullopt, group);
  }
  return group;
}

Result<void> TupleStore::save_waiting() {
  while (done_ < waiting_.size()) {
    const auto last = std::min(done_ + kBatch, waiting_.size());
    auto one = group(waiting_.data() + done_, waiting_.data() + last);
    if (!one) return std::unexpected(one.error());
    if (!one->batch.empty()) {
      if (auto result = kv_.commit(std::move(one->batch), Kv::Durability::synced); !result) return result;
    }
    done_ = last;
    for (const auto& entry : one->timed_out) timed_out_(entry);
    saved_.changes += one->saved.changes;
    saved_.lost += one->saved.lost;
    std::move(one->saved.told.begin(), one->saved.told.end(), std::back_inserter(saved_.told));
  }
  waiting_.clear();
  done_ = 0;
  return {};
}

Result<void> TupleStore::flush_locked() {
  if (auto earlier = save_waiting(); !earlier) return earlier;
  waiting_ = table_.take_changes();
  return save_waiting();
}

Result<void> TupleStore::write_out() {
  const std::lock_guard lock(flushing_);
  return flush_locked();
}

Result<TupleStore::Saved> TupleStore::flush() {
  const std::lock_guard lock(flushing_);
  if (auto result = flush_locked(); !result) return std::unexpected(result.error());
  return std::exchange(saved_, {});
}

Result<std::size_t> TupleStore::expire_state(TupleState state, Seconds now, std::size_t limit) {
  const auto& spaces = settings_.spaces;
  const bool until_time = state == TupleState::autowhite || state == TupleState::record;
  const auto end = until_time ? now : now - settings_.table.timeout;
  const auto rows =
      kv_.scan(spaces.times, TupleTimeKey::prefix(state), TupleTimeKey::prefix(state, end), limit);
  if (!rows) return std::unexpected(rows.error());
  std::vector<std::string> keys;
  for (const auto& [key, empty] : *rows) {
    const auto parsed = TupleTimeKey::parse(key);
    keys.push_back(sequence_key(parsed ? parsed->sequence : 0));
  }
  const auto entries = kv_.multi_get(spaces.entries, keys);
  if (!entries) return std::unexpected(entries.error());
  Kv::Batch batch;
  std::vector<TupleEntry> gone;
  for (std::size_t i = 0; i < rows->size(); ++i) {
    const auto sequence = *parse_sequence_key(keys[i]);
    const auto& row = (*entries)[i];
    auto entry = row ? decode_tuple(*row) : fail(Fault::not_found, "");
    const auto tuple = entry ? entry->tuple(settings_.prefixes) : std::unexpected(entry.error());
    // A row of the index that no entry stands behind is of no use to anybody.
    const bool stands =
        tuple && TupleTimeKey{entry->facts.state, entry->facts.time, sequence}.key() == (*rows)[i].first;
    if (stands) {
      if (!table_.drop_expired(*tuple, sequence, now)) continue;
      batch.remove(spaces.entries, keys[i]);
      gone.push_back(std::move(*entry));
    }
    batch.remove(spaces.times, (*rows)[i].first);
  }
  if (!batch.empty()) {
    if (auto result = kv_.commit(std::move(batch), Kv::Durability::written); !result) {
      return std::unexpected(result.error());
    }
  }
  for (const auto& entry : gone) timed_out_(entry);
  return rows->size();
}

Result<std::size_t> TupleStore::expire(Seconds now, std::size_t limit) {
  const std::lock_guard lock(flushing_);
  if (auto saved = flush_locked(); !saved) return std::unexpected(saved.error());
  std::size_t most = 0;
  for (const auto state : kTupleStates) {
    const auto gone = expire_state(state, now, limit);
    if (!gone) return std::unexpected(gone.error());
    most = std::max(most, *gone);
  }
  return most;
}

Result<std::optional<TupleEntry>> TupleStore::entry(std::uint64_t sequence) const {
  const auto row = kv_.get(settings_.spaces.entries, sequence_key(sequence));
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::optional<TupleEntry>();
  auto entry = decode_tuple(**row);
  if (!entry) return std::unexpected(entry.error());
  return std::optional(std::move(*entry));
}

Result<std::size_t> TupleStore::flush_address(std::string_view address) {
  const std::lock_guard lock(flushing_);
  auto gone = remove_address(address);
  if (gone && *gone != 0) {
    saved_.told.push_back({PeerChange::Kind::flush, std::string(address), {}, {}, {}, {}});
  }
  return gone;
}

Result<std::size_t> TupleStore::remove_address(std::string_view address) {
  if (auto result = flush_locked(); !result) return std::unexpected(result.error());
  std::vector<std::string> keys;
  for (const auto sequence : table_.find_address(address)) keys.push_back(sequence_key(sequence));
  const auto rows = kv_.multi_get(settings_.spaces.entries, keys);
  if (!rows) return std::unexpected(rows.error());
  std::size_t gone = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto& row = (*rows)[i];
    const auto entry = row ? decode_tuple(*row) : fail(Fault::not_found, "");
    if (!entry || entry->address != address) continue;  // only the hash was the same
    const auto tuple = entry->tuple(settings_.prefixes);
    if (tuple && table_.erase(*tuple, *parse_sequence_key(keys[i]))) ++gone;
  }
  return gone;
}

Result<bool> TupleStore::with_entry(std::uint64_t sequence, const std::function<bool(const Tuple&)>& act) {
  const std::lock_guard lock(flushing_);
  if (auto result = flush_locked(); !result) return std::unexpected(result.error());
  const auto found = entry(sequence);
  if (!found) return std::unexpected(found.error());
  if (!*found) return false;
  const auto tuple = (*found)->tuple(settings_.prefixes);
  if (!tuple) return std::unexpected(tuple.error());
  return act(*tuple);
}

Result<bool> TupleStore::release(std::uint64_t sequence, std::chrono::seconds autowhite, Seconds now) {
  return with_entry(sequence,
                    [&](const Tuple& tuple) { return table_.release(tuple, sequence, autowhite, now); });
}

Result<bool> TupleStore::erase(std::uint64_t sequence) {
  return with_entry(sequence, [&](const Tuple& tuple) { return table_.erase(tuple, sequence); });
}

Result<bool> TupleStore::apply(const PeerChange& change, std::chrono::seconds autowhite, Seconds now) {
  if (change.kind == PeerChange::Kind::flush) {
    const std::lock_guard lock(flushing_);
    const auto gone = remove_address(change.address);
    if (!gone) return std::unexpected(gone.error());
    return *gone != 0;
  }
  auto client = change.pool.empty() ? ClientKey::of_address(change.address, settings_.prefixes)
                                    : ClientKey::of_pool(change.pool, change.address);
  if (!client) return std::unexpected(client.error());
  const Tuple tuple{std::move(*client), change.sender, change.recipient};
  if (change.kind == PeerChange::Kind::add) {
    return table_.peer_add(tuple, change.time, now) == TupleShard::Added::added;
  }
  const auto until = change.kind == PeerChange::Kind::del ? now + autowhite : change.autowhite;
  return table_.peer_passed(tuple, change.time, until, now);
}

Result<TupleStore::Merged> TupleStore::merge(std::vector<TupleEntry> entries, Seconds now) {
  Merged merged;
  for (auto& entry : entries) {
    const auto tuple = entry.tuple(settings_.prefixes);
    if (!tuple) {
      ++merged.unusable;
      continue;
    }
    auto outcome = table_.merge(*tuple, entry, now);
    if (outcome == TupleShard::Merged::full) {
      const std::lock_guard lock(flushing_);  // perhaps only too much is unsaved
      if (auto result = flush_locked(); !result) return std::unexpected(result.error());
      outcome = table_.merge(*tuple, std::move(entry), now);
    }
    if (outcome == TupleShard::Merged::taken) ++merged.taken;
    if (outcome == TupleShard::Merged::full) ++merged.unusable;
  }
  return merged;
}

Result<bool> TupleStore::import(TupleEntry entry, Seconds now) {
  entry.facts.first_seen = entry.facts.last_seen = now;
  const auto tuple = entry.tuple(settings_.prefixes);
  if (!tuple) return std::unexpected(tuple.error());
  if (table_.import(*tuple, entry) == TupleShard::Added::added) return true;
  const std::lock_guard lock(flushing_);  // perhaps only too much is unsaved
  if (auto result = flush_locked(); !result) return std::unexpected(result.error());
  return table_.import(*tuple, entry) == TupleShard::Added::added;
}

}  // namespace hikyaku::greylist
