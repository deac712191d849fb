#include "greylist/tuple_table.h"

namespace hikyaku::greylist {
namespace {

TupleEntry peers_entry(const Tuple& tuple, Seconds time, Seconds now) {
  const TupleFacts facts{TupleState::pending, time, {}, now, now, 0, 0};
  return {tuple.client.address(), tuple.client.pool(), tuple.sender, tuple.recipient, facts};
}

}  // namespace

TupleTable::TupleTable(const TableSettings& settings, const SipHash::Key& secret) : hash_(secret) {
  common_.settings = settings;
  common_.shards = kShards;
  for (auto& shard : shards_) shard = std::make_unique<TupleShard>(common_);
}

TupleKey TupleTable::key(const Tuple& tuple) const {
  const auto& client = tuple.client.text();
  TupleKey key;
  key.client = hash_.hash(client)[0];
  key.address = static_cast<std::uint32_t>(hash_.hash(tuple.client.address())[1]);
  std::string text;
  text.reserve(client.size() + tuple.sender.size() + tuple.recipient.size() + 2);
  text += client;
  for (const auto* address : {&tuple.sender, &tuple.recipient}) {
    text += '\0';  // in none of the three
    for (const char c : *address) text += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  key.hash = hash_.hash(text);
  return key;
}

TupleShard& TupleTable::shard(const TupleKey& key) {
  // With lazyaw the tuples of a client are kept together.
  return *shards_[(common_.settings.lazyaw ? key.client : key.hash[1]) % kShards];
}

TupleDecision TupleTable::decide(const Tuple& tuple, const GreylistTimes& times, Seconds now) {
  const auto where = key(tuple);
  return shard(where).decide(where, tuple, times, now);
}

std::uint32_t TupleTable::passes(const Tuple& record, Seconds now) {
  const auto where = key(record);
  return shard(where).passes(where, now);
}

std::uint32_t TupleTable::note_pass(const Tuple& record, std::chrono::seconds lifetime, Seconds now) {
  const auto where = key(record);
  return shard(where).note_pass(where, record, now + lifetime, now);
}

std::optional<std::chrono::seconds> TupleTable::tarpitted(const Tuple& tuple, Seconds now) {
  const auto where = key(tuple);
  return shard(where).tarpitted(where, now);
}

bool TupleTable::tarpit(const Tuple& tuple, std::chrono::seconds wait, Seconds now) {
  const auto where = key(tuple);
  return shard(where).tarpit(where, wait, now);
}

bool TupleTable::release(const Tuple& tuple, std::chrono::seconds autowhite, Seconds now) {
  return release(tuple, 0, autowhite, now);
}

bool TupleTable::release(const Tuple& tuple, std::uint64_t sequence, std::chrono::seconds autowhite,
                         Seconds now) {
  const auto where = key(tuple);
  return shard(where).release(where, sequence, autowhite, now);
}

bool TupleTable::erase(const Tuple& tuple, std::uint64_t sequence) {
  const auto where = key(tuple);
  return shard(where).erase(where, sequence);
}

TupleShard::Added TupleTable::import(const Tuple& tuple, const TupleEntry& entry) {
  const auto where = key(tuple);
  return shard(where).import(where, entry);
}

TupleShard::Added TupleTable::peer_add(const Tuple& tuple, Seconds time, Seconds now) {
  const auto where = key(tuple);
  return shard(where).peer_add(where, peers_entry(tuple, time, now), now);
}

bool TupleTable::peer_passed(const Tuple& tuple, Seconds time, Seconds until, Seconds now) {
  const auto where = key(tuple);
  return shard(where).peer_passed(where, peers_entry(tuple, time, now), until, now);
}

TupleShard::Merged TupleTable::merge(const Tuple& tuple, TupleEntry entry, Seconds now) {
  const auto where = key(tuple);
  return shard(where).merge(where, std::move(entry), now);
}

bool TupleTable::load(const Tuple& tuple, std::uint64_t sequence, const TupleFacts& facts) {
  const auto where = key(tuple);
  return shard(where).load(where, sequence, facts);
}

bool TupleTable::drop_expired(const Tuple& tuple, std::uint64_t sequence, Seconds now) {
  const auto where = key(tuple);
  return shard(where).drop_expired(where, sequence, now);
}

std::vector<std::uint64_t> TupleTable::find_address(std::string_view address) const {
  const auto hash = static_cast<std::uint32_t>(hash_.hash(address)[1]);
  std::vector<std::uint64_t> sequences;
  for (const auto& shard : shards_) shard->find_address(hash, sequences);
  return sequences;
}

std::vector<TupleChange> TupleTable::take_changes() {
  std::vector<TupleChange> changes;
  for (const auto& shard : shards_) shard->take_changes(changes);
  return changes;
}

TupleTable::Load TupleTable::load() const {
  Load load;
  std::size_t states[TupleShard::kStates] = {};
  for (const auto& shard : shards_) shard->count(states, load.unsaved, load.memory);
  load.pending = states[static_cast<std::size_t>(TupleState::pending)];
  load.autowhite = states[static_cast<std::size_t>(TupleState::autowhite)];
  load.tarpit = states[static_cast<std::size_t>(TupleState::tarpit)];
  load.records = states[static_cast<std::size_t>(TupleState::record)];
  return load;
}

}  // namespace hikyaku::greylist
