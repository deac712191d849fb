#include "greylist/tuple_shard.h"

#include <algorithm>

namespace hikyaku::greylist {

bool TupleShard::is_expired(const TupleNode& node, Seconds now) const {
  return expired(static_cast<TupleState>(node.state), Seconds(std::chrono::seconds(node.time)),
                 common_.settings.timeout, now);
}

void TupleShard::note_autowhite(Place place, bool present) {
  if (!common_.settings.lazyaw) return;
  const auto& node = index_.at(place);
  if (node.state != static_cast<std::uint32_t>(TupleState::autowhite)) return;
  if (present) {
    autowhite_.emplace(std::pair(node.client, node.sequence), place);
  } else {
    autowhite_.erase({node.client, node.sequence});
  }
}

TupleShard::Place TupleShard::insert(const TupleKey& key, std::uint64_t sequence, const TupleFacts& facts) {
  TupleNode node;
  node.hash = key.hash;
  node.client = key.client;
  node.address = key.address;
  node.sequence = sequence;
  node.set(facts);
  const auto place = index_.insert(node);
  ++states_[node.state];
  ++common_.tuples;
  note_autowhite(place, true);
  return place;
}

void TupleShard::remove_node(Place place) {
  note_autowhite(place, false);
  --states_[index_.at(place).state];
  --common_.tuples;
  index_.erase(place);
}

TupleShard::Unsaved& TupleShard::unsaved(Place place) {
  const auto& node = index_.at(place);
  const auto [at, fresh] = unsaved_.try_emplace(node.sequence);
  if (fresh) {
    auto& change = at->second.change;
    change.sequence = node.sequence;
    change.stored_state = static_cast<TupleState>(node.state);
    change.stored_time = Seconds(std::chrono::seconds(node.time));
    at->second.place = place;
  }
  return at->second;
}

void TupleShard::change(Place place, const TupleFacts& facts) {
  unsaved(place);
  note_autowhite(place, false);
  auto& node = index_.at(place);
  --states_[node.state];
  node.set(facts);
  ++states_[node.state];
  note_autowhite(place, true);
}

void TupleShard::forget(Place place) {
  const auto sequence = index_.at(place).sequence;
  auto& gone = unsaved(place);
  gone.place = TupleIndex::kNone;
  gone.change.removed = true;
  gone.change.facts = index_.at(place).facts();
  if (gone.change.created) {  // the Kv never knew it
    --common_.unsaved_new;
    unsaved_.erase(sequence);
  }
  remove_node(place);
}

void TupleShard::time_out(Place place) {
  unsaved(place).change.timed_out = true;
  forget(place);
}

void TupleShard::pass(Place place, Seconds until, Seconds now, bool tell) {
  auto facts = index_.at(place).facts();
  facts.time = until;
  facts.last_seen = now;
  ++facts.passes;
  if (tell) unsaved(place).change.tell_passed = true;
  if (until > now) {
    facts.state = TupleState::autowhite;
    change(place, facts);
    return;
  }
  unsaved(place);  // with the time that is stored
  index_.at(place).time = until.time_since_epoch().count();
  forget(place);
}

TupleShard::Place TupleShard::earliest(const TupleKey& key, Wanted wanted, Seconds now) {
  auto best = TupleIndex::kNone;
  for (auto place = index_.find(key.hash); place != TupleIndex::kNone;) {
    const auto next = index_.next(place);
    const auto& node = index_.at(place);
    const auto state = static_cast<TupleState>(node.state);
    const bool counts = state == TupleState::pending     ? wanted.pending
                        : state == TupleState::autowhite ? wanted.autowhite
                        : state == TupleState::tarpit    ? wanted.tarpit
                                                         : wanted.record;
    if (is_expired(node, now)) {
      time_out(place);
    } else if (counts && (best == TupleIndex::kNone || node.sequence < index_.at(best).sequence)) {
      best = place;
    }
    place = next;
  }
  return best;
}

TupleShard::Place TupleShard::earliest_of_client(std::uint64_t client, Place best, Seconds now) {
  for (;;) {
    const auto at = autowhite_.lower_bound({client, 0});
    if (at == autowhite_.end() || at->first.first != client) return best;
    const auto place = at->second;
    if (is_expired(index_.at(place), now)) {
      time_out(place);
      continue;
    }
    return best == TupleIndex::kNone || at->first.second < index_.at(best).sequence ? place : best;
  }
}

TupleShard::Place TupleShard::create(const TupleKey& key, TupleEntry entry) {
  if (common_.tuples >= common_.settings.most_tuples ||
      common_.unsaved_new >= common_.settings.most_unsaved) {
    return TupleIndex::kNone;
  }
  const auto place = insert(key, common_.next_sequence++, entry.facts);
  auto& change = unsaved(place).change;
  change.created = true;
  change.entry = std::make_unique<const TupleEntry>(std::move(entry));
  ++common_.unsaved_new;
  return place;
}

void TupleShard::count_try(Place place, Seconds now) {
  auto facts = index_.at(place).facts();
  ++facts.tries;
  facts.last_seen = now;
  if (unsaved_.size() * common_.shards < common_.settings.most_unsaved) unsaved(place);
  index_.at(place).set(facts);
}

TupleDecision TupleShard::meet_first(const TupleKey& key, const Tuple& tuple, const GreylistTimes& times,
                                     Seconds now) {
  const bool deferred = times.delay.count() > 0;
  TupleDecision decision;
  decision.time = now + times.delay;
  TupleFacts facts{TupleState::pending, decision.time, {}, now, now, deferred ? 1U : 0U, deferred ? 0U : 1U};
  const auto place =
      create(key, {tuple.client.address(), tuple.client.pool(), tuple.sender, tuple.recipient, facts});
  if (place == TupleIndex::kNone) {
    decision.kind = TupleDecision::Kind::not_remembered;
    return decision;
  }
  unsaved(place).change.tell_created = true;
  decision.sequence = index_.at(place).sequence;
  decision.tries = facts.tries;
  if (deferred) {
    decision.remaining = times.delay;
  } else {
    decision.kind = TupleDecision::Kind::passed;
  }
  return decision;
}

TupleDecision TupleShard::meet_again(Place place, const GreylistTimes& times, Seconds now) {
  using Kind = TupleDecision::Kind;
  const auto facts = index_.at(place).facts();
  TupleDecision decision;
  decision.sequence = index_.at(place).sequence;
  decision.tries = facts.tries;
  if (facts.state == TupleState::autowhite) {
    decision.kind = Kind::autowhite;
  } else {
    decision.elapsed = now - (facts.time - times.delay);
    decision.kind = facts.time <= now ? Kind::passed : Kind::pending;
  }
  if (decision.kind == Kind::pending) {
    decision.time = facts.time;
    decision.remaining = facts.time - now;
    ++decision.tries;
    count_try(place, now);
  } else {
    decision.time = now + times.autowhite;
    pass(place, decision.time, now, true);
  }
  return decision;
}

TupleDecision TupleShard::decide(const TupleKey& key, const Tuple& tuple, const GreylistTimes& times,
                                 Seconds now) {
  const std::lock_guard lock(mutex_);
  const bool whitens = times.autowhite.count() > 0;
  auto place = earliest(key, {.autowhite = whitens, .tarpit = false}, now);
  if (common_.settings.lazyaw && whitens) place = earliest_of_client(key.client, place, now);
  return place == TupleIndex::kNone ? meet_first(key, tuple, times, now) : meet_again(place, times, now);
}

std::uint32_t TupleShard::passes(const TupleKey& key, Seconds now) {
  const std::lock_guard lock(mutex_);
  const auto place = earliest(key, kRecord, now);
  return place == TupleIndex::kNone ? 0 : index_.at(place).passes;
}

std::uint32_t TupleShard::note_pass(const TupleKey& key, const Tuple& record, Seconds until, Seconds now) {
  const std::lock_guard lock(mutex_);
  const auto place = earliest(key, kRecord, now);
  if (place == TupleIndex::kNone) {
    TupleFacts facts{TupleState::record, until, {}, now, now, 0, 1};
    const auto made =
        create(key, {record.client.address(), record.client.pool(), record.sender, record.recipient, facts});
    return made == TupleIndex::kNone ? 0 : 1;
  }
  auto facts = index_.at(place).facts();
  facts.time = until;
  facts.last_seen = now;
  ++facts.passes;
  change(place, facts);
  return facts.passes;
}

std::optional<std::chrono::seconds> TupleShard::tarpitted(const TupleKey& key, Seconds now) {
  const std::lock_guard lock(mutex_);
  const auto place = earliest(key, {}, now);
  if (place == TupleIndex::kNone) return std::nullopt;
  const auto facts = index_.at(place).facts();
  return facts.state == TupleState::tarpit ? std::optional(facts.tarpit) : std::nullopt;
}

bool TupleShard::tarpit(const TupleKey& key, std::chrono::seconds wait, Seconds now) {
  const std::lock_guard lock(mutex_);
  const auto place = earliest(key, {}, now);
  if (place == TupleIndex::kNone) return false;
  auto facts = index_.at(place).facts();
  facts.tarpit = facts.state == TupleState::tarpit ? std::min(facts.tarpit, wait) : wait;
  facts.state = TupleState::tarpit;
  change(place, facts);
  return true;
}

TupleShard::Place TupleShard::find_sequence(const TupleKey& key, std::uint64_t sequence) const {
  auto place = index_.find(key.hash);
  while (place != TupleIndex::kNone && index_.at(place).sequence != sequence) place = index_.next(place);
  return place;
}

bool TupleShard::release(const TupleKey& key, std::uint64_t sequence, std::chrono::seconds autowhite,
                         Seconds now) {
  const std::lock_guard lock(mutex_);
  const auto place = sequence == 0 ? earliest(key, {}, now) : find_sequence(key, sequence);
  if (place == TupleIndex::kNone) return false;
  pass(place, now + autowhite, now, true);
  return true;
}

TupleShard::Added TupleShard::import(const TupleKey& key, TupleEntry entry) {
  const std::lock_guard lock(mutex_);
  return add(key, std::move(entry));
}

TupleShard::Added TupleShard::peer_add(const TupleKey& key, TupleEntry entry, Seconds now) {
  const std::lock_guard lock(mutex_);
  for (auto place = index_.find(key.hash); place != TupleIndex::kNone; place = index_.next(place)) {
    const auto& node = index_.at(place);
    if (node.address != key.address || is_expired(node, now)) continue;
    const bool white = node.state == static_cast<std::uint32_t>(TupleState::autowhite);
    if (white || node.time == entry.facts.time.time_since_epoch().count()) return Added::known;
  }
  return add(key, std::move(entry));
}

TupleShard::Added TupleShard::add(const TupleKey& key, TupleEntry entry) {
  std::size_t equal = 0;
  for (auto place = index_.find(key.hash); place != TupleIndex::kNone; place = index_.next(place)) {
    if (++equal == kMostEqual) return Added::full;
  }
  return create(key, std::move(entry)) == TupleIndex::kNone ? Added::full : Added::added;
}

TupleShard::Place TupleShard::find_passed(const TupleKey& key, Seconds time, Seconds now) const {
  auto found = TupleIndex::kNone;
  bool exact = false;
  for (auto place = index_.find(key.hash); place != TupleIndex::kNone; place = index_.next(place)) {
    const auto& node = index_.at(place);
    if (node.address != key.address || is_expired(node, now)) continue;
    const bool same = node.time == time.time_since_epoch().count();
    if (!same && (exact || node.state == static_cast<std::uint32_t>(TupleState::tarpit))) continue;
    const bool better = found == TupleIndex::kNone || (same && !exact);
    if (better || node.sequence < index_.at(found).sequence) found = place;
    exact = exact || same;
  }
  return found;
}

bool TupleShard::peer_passed(const TupleKey& key, TupleEntry entry, Seconds until, Seconds now) {
  const std::lock_guard lock(mutex_);
  const auto found = find_passed(key, entry.facts.time, now);
  if (found == TupleIndex::kNone) {
    entry.facts.state = TupleState::autowhite;
    entry.facts.time = until;
    return until > now && create(key, std::move(entry)) != TupleIndex::kNone;
  }
  const auto facts = index_.at(found).facts();
  if (facts.state == TupleState::autowhite && facts.time != entry.facts.time && facts.time >= until)
    return false;
  pass(found, until, now, false);
  return true;
}

TupleShard::Place TupleShard::find_best(const TupleKey& key, Seconds now) const {
  auto best = TupleIndex::kNone;
  for (auto place = index_.find(key.hash); place != TupleIndex::kNone; place = index_.next(place)) {
    const auto& node = index_.at(place);
    if (node.address != key.address || is_expired(node, now)) continue;
    if (node.state == static_cast<std::uint32_t>(TupleState::autowhite)) return place;
    if (best == TupleIndex::kNone || node.sequence < index_.at(best).sequence) best = place;
  }
  return best;
}

TupleShard::Merged TupleShard::merge(const TupleKey& key, TupleEntry entry, Seconds now) {
  const auto& theirs = entry.facts;
  if (expired(theirs.state, theirs.time, common_.settings.timeout, now)) return Merged::known;
  const std::lock_guard lock(mutex_);
  const auto found = find_best(key, now);
  if (found == TupleIndex::kNone)
    return add(key, std::move(entry)) == Added::full ? Merged::full : Merged::taken;
  auto ours = index_.at(found).facts();
  if (theirs.state == TupleState::autowhite) {
    if (ours.state == TupleState::autowhite && ours.time >= theirs.time) return Merged::known;
    pass(found, theirs.time, now, false);
    return Merged::taken;
  }
  if (theirs.state != TupleState::pending || ours.state != TupleState::pending || ours.time <= theirs.time)
    return Merged::known;
  ours.time = theirs.time;
  change(found, ours);
  return Merged::taken;
}

bool TupleShard::erase(const TupleKey& key, std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  const auto place = find_sequence(key, sequence);
  if (place == TupleIndex::kNone) return false;
  forget(place);
  return true;
}

bool TupleShard::drop_expired(const TupleKey& key, std::uint64_t sequence, Seconds now) {
  const std::lock_guard lock(mutex_);
  const auto place = find_sequence(key, sequence);
  if (place != TupleIndex::kNone) {
    if (!is_expired(index_.at(place), now)) return false;
    remove_node(place);
  }
  if (const auto at = unsaved_.find(sequence); at != unsaved_.end()) {
    if (at->second.change.created) --common_.unsaved_new;
    unsaved_.erase(at);
  }
  return true;
}

bool TupleShard::load(const TupleKey& key, std::uint64_t sequence, const TupleFacts& facts) {
  const std::lock_guard lock(mutex_);
  if (common_.tuples >= common_.settings.most_tuples) return false;
  insert(key, sequence, facts);
  return true;
}

void TupleShard::find_address(std::uint32_t address, std::vector<std::uint64_t>& sequences) const {
  const std::lock_guard lock(mutex_);
  for (Place place = 0; place < index_.places(); ++place) {
    const auto& node = index_.at(place);
    if (node.sequence != 0 && node.address == address) sequences.push_back(node.sequence);
  }
}

void TupleShard::take_changes(std::vector<TupleChange>& changes) {
  decltype(unsaved_) taken;
  {
    const std::lock_guard lock(mutex_);
    taken.swap(unsaved_);
    for (auto& [sequence, one] : taken) {
      if (one.change.created) --common_.unsaved_new;
      if (!one.change.removed) one.change.facts = index_.at(one.place).facts();
    }
  }
  for (auto& [sequence, one] : taken) changes.push_back(std::move(one.change));
}

void TupleShard::count(std::size_t (&states)[kStates], std::size_t& unsaved, std::size_t& memory) const {
  // What a node of the map of autowhite ones, and of the unsaved ones, takes with what the allocator adds.
  constexpr std::size_t kMapNode = 64, kUnsavedNode = 400;
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < kStates; ++i) states[i] += states_[i];
  unsaved += unsaved_.size();
  memory += index_.memory() + autowhite_.size() * kMapNode + unsaved_.size() * kUnsavedNode;
}

}  // namespace hikyaku::greylist
