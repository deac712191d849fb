#include "greylist/tuple_index.h"

#include <algorithm>
#include <utility>

namespace hikyaku::greylist {
namespace {

constexpr std::uint32_t kMostTarpit = (1U << 29U) - 1;

std::uint32_t short_time(Seconds time) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(time.time_since_epoch().count(), 0, UINT32_MAX));
}
Seconds long_time(std::int64_t seconds) { return Seconds(std::chrono::seconds(seconds)); }

}  // namespace

TupleFacts TupleNode::facts() const {
  return {static_cast<TupleState>(state),
          long_time(time),
          std::chrono::seconds(tarpit),
          long_time(first_seen),
          long_time(last_seen),
          tries,
          passes};
}

void TupleNode::set(const TupleFacts& facts) {
  state = static_cast<std::uint32_t>(facts.state) & 7U;
  time = facts.time.time_since_epoch().count();
  tarpit = static_cast<std::uint32_t>(std::clamp<std::int64_t>(facts.tarpit.count(), 0, kMostTarpit)) &
           kMostTarpit;
  first_seen = short_time(facts.first_seen);
  last_seen = short_time(facts.last_seen);
  tries = facts.tries;
  passes = facts.passes;
}

std::size_t TupleIndex::bucket(const SipHash::Value& hash) const {
  const auto wide = hash[0] & (2 * round_ - 1);
  return wide < heads_.size() ? wide : hash[0] & (round_ - 1);
}

TupleIndex::Place TupleIndex::same(Place place, const SipHash::Value& hash) const {
  while (place != kNone && at(place).hash != hash) place = at(place).next;
  return place;
}

void TupleIndex::split() {
  const auto from = heads_.size() - round_;
  heads_.push_back(kNone);
  Place place = std::exchange(heads_[from], kNone);
  while (place != kNone) {
    auto& node = at(place);
    auto& head = heads_[bucket(node.hash)];
    const Place next = std::exchange(node.next, head);
    head = place;
    place = next;
  }
  if (heads_.size() == 2 * round_) round_ *= 2;
}

TupleIndex::Place TupleIndex::insert(const TupleNode& node) {
  Place place = free_;
  if (place != kNone) {
    free_ = at(place).next;
  } else {
    place = used_++;
    if (place / kChunk == chunks_.size()) chunks_.push_back(std::make_unique<Chunk>());
  }
  auto& head = heads_[bucket(node.hash)];
  at(place) = node;
  at(place).next = std::exchange(head, place);
  if (++size_ > heads_.size()) split();
  return place;
}

void TupleIndex::erase(Place place) {
  auto& node = at(place);
  Place* link = &heads_[bucket(node.hash)];
  while (*link != place) link = &at(*link).next;
  *link = node.next;
  node.sequence = 0;
  node.next = std::exchange(free_, place);
  --size_;
}

std::size_t TupleIndex::memory() const {
  return chunks_.size() * sizeof(Chunk) + heads_.size() * sizeof(Place);
}

}  // namespace hikyaku::greylist
