#include "queue/queue.h"

#include <algorithm>
#include <deque>
#include <set>
#include <utility>

#include "base/varint.h"
#include "queue/due_key.h"
#include "queue/spaces.h"

namespace hikyaku::queue {
namespace {

constexpr std::uint64_t kFormat = 1;
constexpr std::string_view kFormatKey = "format";
constexpr std::string_view kIdMarkKey = "id-mark";
constexpr std::uint64_t kIdMarkStep = 1'000'000;  // µs of ids between two marks
constexpr std::size_t kScanRows = 4096;
constexpr std::size_t kKeySize = 8;
constexpr std::uint32_t kLedgerMisses = 16;  // pieces in a row that may be missing
constexpr std::chrono::microseconds kArrivalWindow = std::chrono::minutes{1};
constexpr int kArrivalWidening = 8;
// A row that was composed longer ago than this has been committed, and is seen by a scan.
constexpr std::chrono::seconds kFloorDistance{10};
constexpr std::chrono::minutes kFloorReset{5};

std::string ledger_key(record::QueueId id, std::uint32_t piece) {
  auto key = id.key();
  for (int shift = 24; shift >= 0; shift -= 8) key += static_cast<char>(piece >> shift & 0xff);
  return key;
}

std::string number_value(std::uint64_t value) {
  std::string out;
  put_varint(out, value);
  return out;
}

std::unexpected<Error> damaged(const std::string& what) {
  return fail(Fault::corrupt, "queue database: " + what + " can't be read");
}

/// Calls `each` for all rows of a range, a bounded number of them in memory at a time.
template <class Each>
Result<void> for_all(const Kv& kv, Kv::Space space, std::string from, const std::string& to, Each each) {
  for (;;) {
    auto rows = kv.scan(space, from, to, kScanRows);
    if (!rows) return std::unexpected(rows.error());
    for (const auto& [key, value] : *rows) {
      if (auto result = each(key, value); !result) return result;
    }
    if (rows->size() < kScanRows) return {};
    from = rows->back().first + '\0';
  }
}

std::string encode_names(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) put_text(out, name);
  return out;
}

Result<std::vector<std::string>> decode_names(std::string_view stored) {
  std::vector<std::string> names;
  while (!stored.empty()) {
    const auto name = take_text(stored);
    if (!name) return damaged("a list of configuration files");
    names.emplace_back(*name);
  }
  return names;
}

}  // namespace

std::vector<KvSpace> spaces(std::chrono::seconds ledger_lifetime) {
  return {{"entry"},
          {"body", true},
          {"due"},
          {"ledger", false, ledger_lifetime},
          {"sources"},
          {"meta"},
          {"arrival", false, ledger_lifetime}};
}

Result<std::unique_ptr<Queue>> Queue::open(Kv& kv, Blob& blob) {
  std::unique_ptr<Queue> queue(new Queue(kv, blob));
  for (const auto step :
       {&Queue::read_format, &Queue::read_counts, &Queue::read_last_id, &Queue::read_latest_sources}) {
    if (auto result = (queue.get()->*step)(); !result) return std::unexpected(result.error());
  }
  return queue;
}

Result<void> Queue::read_format() {
  auto stored = kv_.get(kMeta, kFormatKey);
  if (!stored) return std::unexpected(stored.error());
  if (!*stored) {
    Kv::Batch batch;
    batch.put(kMeta, std::string(kFormatKey), number_value(kFormat));
    return kv_.commit(std::move(batch), Kv::Durability::synced);
  }
  std::string_view octets = **stored;
  const auto format = take_varint(octets);
  if (!format) return damaged("its format");
  if (*format > kFormat) {
    return fail(Fault::permanent, "the queue database has format " + std::to_string(*format) +
                                      ", this program knows up to " + std::to_string(kFormat) +
                                      ": use the newer hikyaku that wrote it");
  }
  return {};
}

Result<void> Queue::read_counts() {
  return for_all(kv_, kDue, {}, {}, [this](const std::string& key, const std::string& value) -> Result<void> {
    std::string_view octets = value;
    const auto size = take_varint(octets);
    if (key.size() != 2 * kKeySize || !size) return damaged("the index of due times");
    ++messages_;
    octets_ += static_cast<std::int64_t>(*size);
    if (key.starts_with(number_key(kHeldTime))) ++held_;
    last_id_ = std::max(last_id_, *record::QueueId::from_key(std::string_view(key).substr(kKeySize)));
    return {};
  });
}

Result<void> Queue::read_last_id() {
  auto stored = kv_.get(kMeta, kIdMarkKey);
  if (!stored) return std::unexpected(stored.error());
  if (!*stored) return {};
  std::string_view octets = **stored;
  const auto mark = take_varint(octets);
  if (!mark) return damaged("the mark of given ids");
  // Ids up to the next mark may have been given to messages that are gone, but whose ledgers are not.
  last_id_ = std::max(last_id_, record::QueueId(*mark + kIdMarkStep));
  return {};
}

Result<void> Queue::read_latest_sources() {
  std::string last;
  auto all =
      for_all(kv_, kSources, {}, {}, [&](const std::string& key, const std::string& value) -> Result<void> {
        const auto number = record::QueueId::from_key(key);
        if (!number) return damaged("the number of a list of configuration files");
        sources_ = number->value();
        last = value;
        return {};
      });
  if (!all) return all;
  auto names = decode_names(last);
  if (!names) return std::unexpected(names.error());
  source_names_ = std::move(*names);
  return {};
}

void Queue::add_ledger(Kv::Batch& batch, record::QueueId id, std::uint32_t piece, Time at,
                       std::string_view ledger) const {
  std::string value;
  value.reserve(ledger.size() + 16);
  const auto micros = at.time_since_epoch().count();
  put_varint(value, micros > 0 ? static_cast<std::uint64_t>(micros) : 0);
  put_varint(value, sources_.load(std::memory_order_relaxed));
  value += ledger;
  batch.put(kLedger, ledger_key(id, piece), std::move(value));
}

void Queue::mark_id(Kv::Batch& batch, record::QueueId id) {
  auto mark = id_mark_.load(std::memory_order_relaxed);
  while (id.value() > mark + kIdMarkStep) {
    if (!id_mark_.compare_exchange_weak(mark, id.value(), std::memory_order_relaxed)) continue;
    batch.put(kMeta, std::string(kIdMarkKey), number_value(id.value()));
    return;
  }
}

Queue::Change Queue::accept(Kv::Batch& batch, record::QueueEntry& entry, std::string body,
                            std::string_view ledger) {
  entry.ledger_pieces = 0;
  batch.writes.reserve(batch.writes.size() + 5);
  if (!ledger.empty()) add_ledger(batch, entry.id, entry.ledger_pieces++, entry.arrival, ledger);
  if (entry.blob.empty()) batch.put(kBody, entry.id.key(), std::move(body));
  batch.put(kDue, due_key(entry), number_value(entry.size));
  lower_floor(due_time(entry));
  batch.put(kEntry, entry.id.key(), encode(entry));
  mark_id(batch, entry.id);
  return {.messages = 1,
          .held = entry.hold ? 1 : 0,
          .octets = static_cast<std::int64_t>(entry.size),
          .unused_blob = {}};
}

Queue::Change Queue::update(Kv::Batch& batch, const record::QueueEntry& old, record::QueueEntry& entry,
                            Time now, std::string_view ledger, Guard guard) {
  entry.ledger_pieces = old.ledger_pieces;
  if (guard == Guard::unchanged) batch.preconditions.push_back({kEntry, old.id.key(), encode(old)});
  if (!ledger.empty()) add_ledger(batch, entry.id, entry.ledger_pieces++, now, ledger);
  if (due_time(old) != due_time(entry)) {
    batch.remove(kDue, due_key(old));
    batch.put(kDue, due_key(entry), number_value(entry.size));
    lower_floor(due_time(entry));
  }
  batch.put(kEntry, entry.id.key(), encode(entry));
  return {.held = (entry.hold ? 1 : 0) - (old.hold ? 1 : 0), .unused_blob = {}};
}

Queue::Change Queue::finish(Kv::Batch& batch, const record::QueueEntry& stored, Time now,
                            std::string_view ledger, Guard guard) {
  batch.writes.reserve(batch.writes.size() + 4);
  if (guard == Guard::unchanged) batch.preconditions.push_back({kEntry, stored.id.key(), encode(stored)});
  if (!ledger.empty()) add_ledger(batch, stored.id, stored.ledger_pieces, now, ledger);
  if (stored.blob.empty()) batch.remove(kBody, stored.id.key());
  batch.remove(kDue, due_key(stored));
  batch.remove(kEntry, stored.id.key());
  return {.messages = -1,
          .held = stored.hold ? -1 : 0,
          .octets = -static_cast<std::int64_t>(stored.size),
          .unused_blob = stored.blob};
}

void Queue::note(Kv::Batch& batch, record::QueueId id, Time now, std::string_view ledger) {
  add_ledger(batch, id, 0, now, ledger);
  mark_id(batch, id);
}

void Queue::remember_arrival(Kv::Batch& batch, record::QueueId id, const record::Arrival& arrival) {
  batch.put(kArrival, id.key(), encode(arrival));
}

void Queue::committed(const Change& change) {
  messages_ += change.messages;
  held_ += change.held;
  octets_ += change.octets;
}

namespace {

/// The row that a key of the time index stands for.
Result<Queue::Due> due_of(const std::string& key) {
  const std::string_view octets = key;
  const auto time = record::QueueId::from_key(octets.substr(0, kKeySize));
  const auto id = record::QueueId::from_key(octets.size() > kKeySize ? octets.substr(kKeySize) : "");
  if (!time || !id) return damaged("the index of due times");
  return Queue::Due{time->time(), *id};
}

std::string row_key(const Queue::Due& row) {
  return due_key(static_cast<std::uint64_t>(row.time.time_since_epoch().count()), row.id);
}

/// The first key after all that are due at `now`; never past those on hold.
std::string end_of_due(Time now) {
  const auto micros = now.time_since_epoch().count();
  return number_key(micros >= 0 ? static_cast<std::uint64_t>(micros) + 1 : 0);
}

}  // namespace

// Each message leaves the remains of its row at the front of the index until the engine sweeps them up. A
// busy hub leaves some ten thousand a second, and a scan from the front would step over all of them. So the
// scan begins where the last one found the first row, and stays behind the present by as much as a commit may
// take; now and then it begins at the front all the same, so that no mistake here can lose sight of a message
// for long.

void Queue::lower_floor(std::uint64_t time) {
  const std::scoped_lock lock(floor_mutex_);
  if (time >= floor_) return;
  floor_ = time;
  ++floor_changes_;
}

std::pair<std::uint64_t, std::uint64_t> Queue::scan_floor(Time now) const {
  const std::scoped_lock lock(floor_mutex_);
  if (now - floor_reset_ > kFloorReset || now < floor_reset_) {
    floor_reset_ = now;
    floor_ = 0;
  }
  return {floor_, floor_changes_};
}

void Queue::raise_floor(std::uint64_t time, std::uint64_t changes) const {
  const std::scoped_lock lock(floor_mutex_);
  if (changes == floor_changes_ && time > floor_) floor_ = time;
}

Result<std::vector<Queue::Due>> Queue::due(Time now, std::size_t limit, std::optional<Due> after) const {
  const auto [floor, changes] = scan_floor(now);
  auto rows = kv_.scan(kDue, after ? row_key(*after) + '\0' : number_key(floor), end_of_due(now), limit);
  if (!rows) return std::unexpected(rows.error());
  std::vector<Due> all;
  all.reserve(rows->size());
  for (const auto& [key, value] : *rows) {
    auto row = due_of(key);
    if (!row) return std::unexpected(row.error());
    all.push_back(*row);
  }
  if (!after && limit > 0) {
    const auto first = all.empty() ? now : std::min(all.front().time, now);
    const auto safe = std::min(first, now - kFloorDistance).time_since_epoch().count();
    if (safe > 0) raise_floor(static_cast<std::uint64_t>(safe), changes);
  }
  return all;
}

Result<std::optional<Time>> Queue::next_due(Time now) const {
  auto rows = kv_.scan(kDue, end_of_due(now), number_key(kHeldTime), 1);
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::optional<Time>{};
  auto row = due_of(rows->front().first);
  if (!row) return std::unexpected(row.error());
  return std::optional(row->time);
}

void Queue::drop_stale(Kv::Batch& batch, const Due& row) { batch.remove(kDue, row_key(row)); }

namespace {

Result<record::QueueEntry> read_entry(record::QueueId id, std::string_view stored) {
  auto entry = record::decode_queue_entry(stored);
  if (!entry) return fail(entry.error().fault, "message " + id.text() + ": " + entry.error().text);
  if (entry->id != id) {
    return fail(Fault::corrupt, "message " + id.text() + ": its entry is that of " + entry->id.text());
  }
  return entry;
}

}  // namespace

Result<record::QueueEntry> Queue::load(record::QueueId id) const {
  auto stored = kv_.get(kEntry, id.key());
  if (!stored) return std::unexpected(stored.error());
  if (!*stored) return fail(Fault::not_found, "there is no message " + id.text() + " in the queue");
  return read_entry(id, **stored);
}

Result<std::string> Queue::read_body(const record::QueueEntry& entry, std::uint64_t offset,
                                     std::size_t length) const {
  if (!entry.blob.empty()) return blob_.get(entry.blob, offset, length);
  auto stored = kv_.get(kBody, entry.id.key());
  if (!stored) return std::unexpected(stored.error());
  if (!*stored)
    return fail(Fault::corrupt, "message " + entry.id.text() + ": its body is not in the queue database");
  auto& body = **stored;
  if (body.size() != entry.size) {
    return fail(Fault::corrupt, "message " + entry.id.text() + ": its body has " +
                                    std::to_string(body.size()) + " octets, its entry says " +
                                    std::to_string(entry.size));
  }
  if (offset >= body.size()) return std::string();
  if (offset == 0 && length >= body.size()) return std::move(body);
  return body.substr(offset, length);
}

Result<Queue::Listing> Queue::list(std::optional<record::QueueId> after, std::size_t limit) const {
  auto rows = kv_.scan(kEntry, after ? after->key() + '\0' : std::string(), {}, limit);
  if (!rows) return std::unexpected(rows.error());
  Listing listing;
  listing.entries.reserve(rows->size());
  for (const auto& [key, value] : *rows) {
    const auto id = record::QueueId::from_key(key);
    if (!id) return damaged("the key of an entry");
    auto entry = read_entry(*id, value);
    if (entry) {
      listing.entries.push_back(std::move(*entry));
    } else {
      listing.damaged.push_back({*id, entry.error()});
    }
    listing.continue_after = *id;
  }
  if (rows->size() < limit) listing.continue_after.reset();
  return listing;
}

Result<std::vector<Queue::LedgerPiece>> Queue::ledger(record::QueueId id) const {
  // One get a piece, not a scan: the space is a row of files by age, of which a get opens the one that may
  // hold the key, and a scan all.
  // The first pieces of a message that was long on hold may be past their lifetime.
  std::vector<LedgerPiece> pieces;
  std::uint32_t misses = 0;
  for (std::uint32_t piece = 0; misses < kLedgerMisses; ++piece) {
    auto stored = kv_.get(kLedger, ledger_key(id, piece));
    if (!stored) return std::unexpected(stored.error());
    misses = *stored ? 0 : misses + 1;
    if (!*stored) continue;
    std::string_view octets = **stored;
    const auto at = take_varint(octets);
    const auto sources = take_varint(octets);
    if (!at || !sources) return damaged("the ledger of " + id.text());
    pieces.push_back({record::QueueId(*at).time(), *sources, std::string(octets)});
  }
  return pieces;
}

Result<std::vector<Queue::KeptArrival>> Queue::last_arrivals(Time now, std::size_t limit) const {
  // Backwards by windows, each wider than the one before: the port has no scan that goes back.
  std::deque<KeptArrival> kept;
  auto end = static_cast<std::uint64_t>(std::max<std::int64_t>(now.time_since_epoch().count(), 0));
  std::string to;  // a clock that went back does not hide what came before
  for (auto width = kArrivalWindow; kept.size() < limit; width *= kArrivalWidening) {
    const auto micros = static_cast<std::uint64_t>(width.count());
    const auto begin = end > micros ? end - micros : 0;
    std::deque<KeptArrival> window;
    auto all = for_all(kv_, kArrival, number_key(begin), to,
                       [&](const std::string& key, const std::string& value) -> Result<void> {
                         const auto id = record::QueueId::from_key(key);
                         if (!id) return damaged("a record of arrival");
                         window.push_back({*id, record::decode_arrival(value)});
                         if (window.size() + kept.size() > limit) window.pop_front();
                         return {};
                       });
    if (!all) return std::unexpected(all.error());
    kept.insert(kept.begin(), std::make_move_iterator(window.begin()), std::make_move_iterator(window.end()));
    if (begin == 0) break;
    end = begin;
    to = number_key(begin);
  }
  return std::vector<KeptArrival>(std::make_move_iterator(kept.begin()), std::make_move_iterator(kept.end()));
}

Result<void> Queue::remember_sources(const std::vector<std::string>& names) {
  const std::scoped_lock lock(sources_mutex_);
  if (names == source_names_) return {};
  const auto number = sources_.load() + 1;
  Kv::Batch batch;
  batch.put(kSources, number_key(number), encode_names(names));
  if (auto done = kv_.commit(std::move(batch), Kv::Durability::synced); !done) return done;
  source_names_ = names;
  sources_ = number;
  return {};
}

Result<std::vector<std::string>> Queue::sources(std::uint64_t number) const {
  auto stored = kv_.get(kSources, number_key(number));
  if (!stored) return std::unexpected(stored.error());
  if (!*stored) {
    return fail(Fault::not_found,
                "the queue database has no list of configuration files " + std::to_string(number));
  }
  return decode_names(**stored);
}

Queue::Counts Queue::counts() const {
  // A finish may be counted before the accept that it follows.
  const auto shown = [](std::int64_t value) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
  };
  return {shown(messages_), shown(held_), shown(octets_)};
}

Result<std::vector<std::string>> Queue::orphans(const std::function<void(const BadBody&)>& bad) const {
  auto names = blob_.names();
  if (!names || (names->empty() && !bad)) return names;
  std::set<std::string, std::less<>> left(names->begin(), names->end());
  bool unreadable = false;
  auto all = for_all(kv_, kEntry, {}, {}, [&](const std::string&, const std::string& value) -> Result<void> {
    const auto entry = record::decode_queue_entry(value);
    if (entry) {
      left.erase(entry->blob);
      if (!bad || entry->blob.empty()) return {};
      if (auto fault = check_blob_size(blob_, entry->blob, entry->size); !fault)
        bad({entry->id, fault.error().text});
    } else {
      unreadable = true;
    }
    return {};
  });
  if (!all) return std::unexpected(all.error());
  // An entry that can't be read may name any of them: none is removed.
  if (unreadable) left.clear();
  return std::vector<std::string>(left.begin(), left.end());
}

}  // namespace hikyaku::queue
