#include "queue/queue.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/crashing_kv.h"
#include "base/explanation.h"

namespace hikyaku::queue {
namespace {

using hikyaku::testing_support::CrashingBlob;
using hikyaku::testing_support::CrashingKv;
using hikyaku::testing_support::Power;

constexpr std::size_t kSpaces = 7;

Time at(std::int64_t seconds) { return Time{std::chrono::seconds{seconds}}; }

record::QueueEntry message(std::uint64_t id, std::string_view body) {
  record::QueueEntry entry;
  entry.id = record::QueueId(id);
  entry.arrival = entry.next_attempt = Time{std::chrono::microseconds{static_cast<std::int64_t>(id)}};
  entry.sender = mail::Address::from_internal("a@b.example").value();
  entry.recipients.resize(1);
  entry.recipients[0].address = mail::Address::from_internal("x@c.example").value();
  entry.size = body.size();
  return entry;
}

std::string ledger_of(std::string_view outcome) {
  Explanation why;
  why.add({.step = "test.step", .rule = "rule", .outcome = outcome});
  return why.bytes();
}

class QueueTest : public testing::Test {
 protected:
  void SetUp() override { open(); }
  void open() {
    auto opened = Queue::open(kv, blob);
    ASSERT_TRUE(opened.has_value()) << opened.error().text;
    queue = std::move(*opened);
  }
  void commit(Kv::Batch& batch, const Queue::Change& change) {
    ASSERT_TRUE(kv.commit(std::move(batch), Kv::Durability::synced).has_value());
    batch = {};
    queue->committed(change);
  }
  record::QueueEntry accept(std::uint64_t id, std::string body = "body", bool hold = false) {
    auto entry = message(id, body);
    entry.hold = hold;
    Kv::Batch batch;
    const auto change = queue->accept(batch, entry, std::move(body), ledger_of("accepted"));
    commit(batch, change);
    return entry;
  }
  std::vector<std::uint64_t> due_ids(Time now) const {
    std::vector<std::uint64_t> ids;
    for (const auto rows = queue->due(now, 1000).value(); const auto& row : rows)
      ids.push_back(row.id.value());
    return ids;
  }

  Power power;
  CrashingKv kv{power, kSpaces};
  CrashingBlob blob{power};
  std::unique_ptr<Queue> queue;
};

TEST_F(QueueTest, AnAcceptedMessageIsFoundAgainAfterARestart) {
  const auto entry = accept(5'000'000, "Subject: hi\r\n\r\nhello\r\n");
  kv.restart();
  open();
  EXPECT_EQ(queue->load(entry.id).value(), entry);
  EXPECT_EQ(queue->read_body(entry, 0, 100).value(), "Subject: hi\r\n\r\nhello\r\n");
  EXPECT_EQ(queue->read_body(entry, 9, 2).value(), "hi");
  EXPECT_EQ(queue->read_body(entry, 1000, 2).value(), "");
  EXPECT_EQ(due_ids(at(5)), std::vector<std::uint64_t>{5'000'000});
  const auto counts = queue->counts();
  EXPECT_EQ(counts.messages, 1U);
  EXPECT_EQ(counts.octets, 22U);
  EXPECT_EQ(counts.held, 0U);
}

TEST_F(QueueTest, AFinishedMessageLeavesItsLedgerAlone) {
  const auto entry = accept(5'000'000);
  Kv::Batch batch;
  const auto change = queue->finish(batch, entry, at(9), ledger_of("relay 250"));
  commit(batch, change);
  EXPECT_EQ(queue->load(entry.id).error().fault, Fault::not_found);
  EXPECT_TRUE(kv.rows(0).empty());
  EXPECT_TRUE(kv.rows(1).empty());
  EXPECT_TRUE(kv.rows(2).empty());
  EXPECT_EQ(queue->counts().messages, 0U);
  EXPECT_EQ(queue->counts().octets, 0U);
  const auto ledger = queue->ledger(entry.id).value();
  ASSERT_EQ(ledger.size(), 2U);
  EXPECT_EQ(ledger[0].at, at(5));
  EXPECT_EQ(Explanation::decode(ledger[0].explanation).value()[0].outcome, "accepted");
  EXPECT_EQ(ledger[1].at, at(9));
  EXPECT_EQ(Explanation::decode(ledger[1].explanation).value()[0].outcome, "relay 250");
}

TEST_F(QueueTest, ARetryMovesTheMessageInTheTimeIndexAndAddsToItsLedger) {
  const auto entry = accept(5'000'000);
  auto retried = entry;
  retried.next_attempt = at(305);
  retried.attempts = 1;
  Kv::Batch batch;
  const auto change = queue->update(batch, entry, retried, at(6), ledger_of("451"));
  commit(batch, change);
  EXPECT_TRUE(due_ids(at(304)).empty());
  EXPECT_EQ(queue->next_due(at(6)).value(), at(305));
  EXPECT_EQ(due_ids(at(305)).size(), 1U);
  EXPECT_EQ(queue->load(entry.id).value(), retried);
  EXPECT_EQ(queue->ledger(entry.id).value().size(), 2U);
  EXPECT_EQ(kv.rows(2).size(), 1U);
}

TEST_F(QueueTest, AHeldMessageIsNeverDueUntilItIsReleased) {
  const auto entry = accept(5'000'000, "body", true);
  EXPECT_EQ(queue->counts().held, 1U);
  EXPECT_TRUE(queue->due(Time::max() - std::chrono::microseconds{1}, 10).value().empty());
  EXPECT_EQ(queue->next_due(at(0)).value(), std::nullopt);
  kv.restart();
  open();
  EXPECT_EQ(queue->counts().held, 1U);
  auto released = entry;
  released.hold = false;
  Kv::Batch batch;
  const auto change = queue->update(batch, entry, released, at(6), {});
  commit(batch, change);
  EXPECT_EQ(queue->counts().held, 0U);
  EXPECT_EQ(due_ids(at(5)).size(), 1U);
  EXPECT_EQ(queue->ledger(entry.id).value().size(), 1U);
}

TEST_F(QueueTest, TheDueOnesComeEarliestFirstAndInParts) {
  for (const std::uint64_t id : {7'000'000, 3'000'000, 5'000'000}) accept(id);
  const auto first = queue->due(at(6), 1).value();
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].id.value(), 3'000'000U);
  const auto second = queue->due(at(6), 10, first[0]).value();
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].id.value(), 5'000'000U);
  EXPECT_EQ(queue->next_due(at(6)).value(), at(7));
}

TEST_F(QueueTest, AMessageThatComesDueBehindTheLastScanIsFound) {
  const auto second = [](std::uint64_t n) { return n * 1'000'000; };
  accept(second(1000));
  EXPECT_EQ(due_ids(at(1000)).size(), 1U);
  accept(second(2000));
  EXPECT_EQ(due_ids(at(2100)), (std::vector<std::uint64_t>{second(1000), second(2000)}));
  const auto first = queue->load(record::QueueId(second(1000))).value();
  Kv::Batch batch;
  commit(batch, queue->finish(batch, first, at(2100), {}));
  EXPECT_EQ(due_ids(at(2101)), std::vector<std::uint64_t>{second(2000)});
  accept(second(1500));  // its time is before what was scanned
  EXPECT_EQ(due_ids(at(2102)), (std::vector<std::uint64_t>{second(1500), second(2000)}));
  const auto held = accept(second(1400), "body", true);
  auto released = held;
  released.hold = false;
  commit(batch, queue->update(batch, held, released, at(2103), {}));
  EXPECT_EQ(due_ids(at(2103)).front(), second(1400));
}

TEST_F(QueueTest, ARowThatNobodyToldTheQueueOfIsFoundAfterSomeMinutes) {
  EXPECT_TRUE(due_ids(at(2000)).empty());
  auto other = Queue::open(kv, blob).value();
  auto entry = message(1'000'000'000, "body");
  Kv::Batch batch;
  (void)other->accept(batch, entry, "body", {});
  ASSERT_TRUE(kv.commit(std::move(batch), Kv::Durability::synced).has_value());
  EXPECT_TRUE(due_ids(at(2001)).empty());
  EXPECT_EQ(due_ids(at(2400)).size(), 1U);
}

TEST_F(QueueTest, TheListGoesOnPastAnEntryThatCantBeRead) {
  for (const std::uint64_t id : {1, 2, 3}) accept(id);
  kv.rows(0)[record::QueueId(2).key()][3] ^= 1;
  const auto listing = queue->list({}, 10).value();
  ASSERT_EQ(listing.entries.size(), 2U);
  ASSERT_EQ(listing.damaged.size(), 1U);
  EXPECT_EQ(listing.damaged[0].id.value(), 2U);
  EXPECT_EQ(listing.damaged[0].error.fault, Fault::corrupt);
  EXPECT_FALSE(listing.continue_after.has_value());
  const auto part = queue->list({}, 2).value();
  EXPECT_EQ(part.continue_after, record::QueueId(2));
  EXPECT_EQ(queue->list(part.continue_after, 2).value().entries.size(), 1U);
}

TEST_F(QueueTest, AGuardedChangeOfAMessageThatChangedMeanwhileFails) {
  const auto entry = accept(5'000'000);
  auto first = entry;
  first.attempts = 1;
  Kv::Batch batch;
  commit(batch, queue->update(batch, entry, first, at(6), {}, Queue::Guard::unchanged));
  auto second = entry;
  second.hold = true;
  (void)queue->update(batch, entry, second, at(6), {}, Queue::Guard::unchanged);
  EXPECT_EQ(kv.commit(std::move(batch), Kv::Durability::synced).error().fault, Fault::not_found);
  EXPECT_EQ(queue->load(entry.id).value(), first);
}

TEST_F(QueueTest, IdsOfMessagesThatAreGoneAreNotGivenAgain) {
  const auto entry = accept(5'000'000);
  Kv::Batch batch;
  commit(batch, queue->finish(batch, entry, at(6), {}));
  accept(5'400'000);
  kv.restart();
  open();
  EXPECT_GE(queue->last_id().value(), 5'400'000U);
  EXPECT_LE(queue->last_id().value(), 6'400'001U);
}

TEST_F(QueueTest, EachPieceOfLedgerNamesTheFilesOfItsConfiguration) {
  ASSERT_TRUE(queue->remember_sources({"default", "main.cf"}).has_value());
  accept(1);
  ASSERT_TRUE(queue->remember_sources({"default", "main.cf"}).has_value());
  kv.restart();
  open();
  ASSERT_TRUE(queue->remember_sources({"default", "main.cf", "access"}).has_value());
  accept(2);
  const auto first = queue->ledger(record::QueueId(1)).value()[0].sources;
  const auto second = queue->ledger(record::QueueId(2)).value()[0].sources;
  EXPECT_EQ(second, first + 1);
  EXPECT_EQ(queue->sources(first).value(), (std::vector<std::string>{"default", "main.cf"}));
  EXPECT_EQ(queue->sources(second).value().size(), 3U);
  EXPECT_EQ(queue->sources(99).error().fault, Fault::not_found);
}

TEST_F(QueueTest, TheLedgerOfARefusedMessageIsFoundByItsOwnId) {
  Kv::Batch batch;
  queue->note(batch, record::QueueId(77), at(1), ledger_of("reject 550"));
  commit(batch, {});
  EXPECT_EQ(queue->ledger(record::QueueId(77)).value().size(), 1U);
  EXPECT_TRUE(queue->ledger(record::QueueId(78)).value().empty());
}

TEST_F(QueueTest, BlobsThatNoMessageNamesAreOrphans) {
  for (const std::string name : {"used", "unused"}) {
    auto writer = blob.put(name).value();
    ASSERT_TRUE(writer->write("large").has_value());
    ASSERT_TRUE(writer->finish().has_value());
  }
  auto entry = message(9, "large");
  entry.blob = "used";
  Kv::Batch batch;
  commit(batch, queue->accept(batch, entry, {}, {}));
  EXPECT_EQ(queue->orphans().value(), std::vector<std::string>{"unused"});
  EXPECT_EQ(queue->read_body(entry, 1, 3).value(), "arg");
  const auto change = queue->finish(batch, entry, at(1), {});
  EXPECT_EQ(change.unused_blob, "used");
  kv.rows(0).begin()->second.pop_back();
  EXPECT_TRUE(queue->orphans().value().empty()) << "an entry that can't be read may name any blob";
}

TEST_F(QueueTest, ADatabaseOfANewerFormatIsRefused) {
  kv.rows(5)["format"] = "\x02";
  const auto opened = Queue::open(kv, blob);
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().fault, Fault::permanent);
}

TEST_F(QueueTest, ABodyOfAnotherSizeIsCorrupt) {
  const auto entry = accept(1, "body");
  kv.rows(1).begin()->second = "bod";
  EXPECT_EQ(queue->read_body(entry, 0, 10).error().fault, Fault::corrupt);
  kv.rows(1).clear();
  EXPECT_EQ(queue->read_body(entry, 0, 10).error().fault, Fault::corrupt);
}

// ---- A crash at every step, compared with a model.

/// What a message may be after a crash: the states that its acknowledged and its attempted changes allow.
struct Expected {
  std::optional<record::QueueEntry> acknowledged;  // nullopt: not in the queue
  std::optional<std::optional<record::QueueEntry>> attempted;
};
using Model = std::map<std::uint64_t, Expected>;

/// Runs a fixed day: ten messages, large and small, tried, held, released and finished, each step
/// acknowledged before the next. Stops where the power fails.
class Day {
 public:
  Day(Queue& queue, Kv& kv, Blob& blob, Model& model) : queue_(queue), kv_(kv), blob_(blob), model_(model) {}

  void run() {
    for (std::uint64_t id = 1; id <= 10; ++id) {
      if (!accept(id)) return;
      if (id % 2 == 0 && !retry(id)) return;
      if (id % 3 == 0 && !hold(id - 1)) return;
      if (id % 4 == 0 && !finish(id - 1)) return;
    }
    for (const std::uint64_t id : {2, 10, 1}) {
      if (!finish(id)) return;
    }
  }

 private:
  static std::string body(std::uint64_t id) { return std::string(id * 10, static_cast<char>('a' + id)); }

  bool accept(std::uint64_t id) {
    auto octets = body(id);
    auto entry = message(id, octets);
    if (id % 5 == 0) {
      entry.blob = entry.id.text();
      auto writer = blob_.put(entry.blob).value();
      (void)writer->write(octets);
      if (!writer->finish()) return false;
      octets.clear();
    }
    Kv::Batch batch;
    const auto change = queue_.accept(batch, entry, std::move(octets), ledger_of("accepted"));
    return commit(std::move(batch), id, entry, change);
  }
  bool retry(std::uint64_t id) {
    const auto old = *model_[id].acknowledged;
    auto entry = old;
    entry.attempts++;
    entry.next_attempt += std::chrono::hours{1};
    Kv::Batch batch;
    const auto change = queue_.update(batch, old, entry, entry.next_attempt, ledger_of("deferred"));
    return commit(std::move(batch), id, entry, change);
  }
  bool hold(std::uint64_t id) {
    const auto old = *model_[id].acknowledged;
    auto entry = old;
    entry.hold = true;
    Kv::Batch batch;
    const auto change = queue_.update(batch, old, entry, entry.arrival, {}, Queue::Guard::unchanged);
    return commit(std::move(batch), id, entry, change);
  }
  bool finish(std::uint64_t id) {
    Kv::Batch batch;
    const auto change = queue_.finish(batch, *model_[id].acknowledged, at(1), ledger_of("sent"));
    if (!commit(std::move(batch), id, std::nullopt, change)) return false;
    return change.unused_blob.empty() || blob_.remove(change.unused_blob).has_value();
  }
  bool commit(Kv::Batch batch, std::uint64_t id, std::optional<record::QueueEntry> state,
              const Queue::Change& change) {
    auto& expected = model_[id];
    expected.attempted = state;
    if (!kv_.commit(std::move(batch), Kv::Durability::synced)) return false;
    expected = {std::move(state), std::nullopt};
    queue_.committed(change);
    return true;
  }

  Queue& queue_;
  Kv& kv_;
  Blob& blob_;
  Model& model_;
};

void expect_whole(const Queue& queue, const CrashingBlob& blob, CrashingKv& kv, const Model& model) {
  std::uint64_t messages = 0, held = 0, octets = 0;
  std::set<record::QueueId> due;
  for (const auto rows = queue.due(at(1'000'000), 1000).value(); const auto& row : rows) due.insert(row.id);
  for (const auto& [id, expected] : model) {
    const auto loaded = queue.load(record::QueueId(id));
    const auto state = loaded ? std::optional(*loaded) : std::nullopt;
    const bool allowed =
        state == expected.acknowledged || (expected.attempted && state == *expected.attempted);
    EXPECT_TRUE(allowed) << "message " << id << (state ? " is in the queue" : " is not in the queue");
    EXPECT_EQ(due.contains(record::QueueId(id)), state && !state->hold);
    if (!state) continue;
    ++messages;
    held += state->hold;
    octets += state->size;
    EXPECT_EQ(queue.read_body(*state, 0, 1000).value(), std::string(id * 10, static_cast<char>('a' + id)));
    EXPECT_EQ(queue.ledger(state->id).value().size(), state->ledger_pieces);
  }
  EXPECT_EQ(queue.counts().messages, messages);
  EXPECT_EQ(queue.counts().held, held);
  EXPECT_EQ(queue.counts().octets, octets);
  EXPECT_EQ(kv.rows(0).size(), messages);
  EXPECT_EQ(kv.rows(2).size(), messages);
  const auto in_kv = kv.rows(1).size();
  const auto orphans = queue.orphans().value();
  EXPECT_EQ(in_kv + blob.names().value().size() - orphans.size(), messages) << "a body a message, no more";
}

/// False when the day ended before the step at which it was to crash.
bool crash_at(std::size_t step) {
  Power power(step);
  CrashingKv kv(power, kSpaces);
  CrashingBlob blob(power);
  Model model;
  {
    auto queue = Queue::open(kv, blob);
    if (queue) Day(**queue, kv, blob, model).run();
  }
  const bool crashed = !power.on();
  power.restart();
  kv.restart();
  auto queue = Queue::open(kv, blob);
  EXPECT_TRUE(queue.has_value());
  if (queue) expect_whole(**queue, blob, kv, model);
  return crashed;
}

TEST(QueueCrash, AtEveryStepEveryAcknowledgedChangeIsThereAndNoneIsHalfDone) {
  std::size_t step = 1;
  while (crash_at(step)) {
    ASSERT_FALSE(testing::Test::HasFailure()) << "crash at step " << step;
    ++step;
  }
  EXPECT_GT(step, 50U);
  EXPECT_FALSE(testing::Test::HasFailure());
}

TEST_F(QueueTest, TheLastArrivalsAreGivenInTheirOrderAlsoOfMessagesThatAreGone) {
  constexpr std::uint64_t kHour = 3'600'000'000;
  const auto now = at(10'000'000);
  const auto recent = static_cast<std::uint64_t>(now.time_since_epoch().count());
  // Old ones, a crowd in one minute, and one that a clock which went back has given an id ahead of time.
  std::vector<std::uint64_t> ids{7, recent - 900 * kHour, recent - 2 * kHour};
  for (std::uint64_t i = 0; i < 20; ++i) ids.push_back(recent - 30'000'000 + i);
  ids.push_back(recent + kHour);
  Kv::Batch batch;
  for (const auto id : ids) {
    record::Arrival arrival;
    arrival.sender = mail::Address::from_internal("u" + std::to_string(id) + "@b.example").value();
    queue->remember_arrival(batch, record::QueueId(id), arrival);
  }
  commit(batch, {});
  for (const std::size_t limit : {0UL, 1UL, 5UL, 21UL, 22UL, 23UL, 24UL, 100UL}) {
    const auto kept = queue->last_arrivals(now, limit);
    ASSERT_TRUE(kept);
    const auto expected = std::min(limit, ids.size());
    ASSERT_EQ(kept->size(), expected) << limit;
    for (std::size_t i = 0; i < expected; ++i) {
      const auto id = ids[ids.size() - expected + i];
      EXPECT_EQ((*kept)[i].id.value(), id);
      EXPECT_EQ((*kept)[i].arrival->sender.local(), "u" + std::to_string(id));
    }
  }
}

}  // namespace
}  // namespace hikyaku::queue
