#include "greylist/tuple_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "greylist/greylist_for_tests.h"
#include "greylist/tuple_index.h"

namespace hikyaku::greylist {
namespace {

using std::chrono_literals::operator""s;
using Kind = TupleDecision::Kind;
constexpr SipHash::Key kSecret{1, 2};

constexpr auto kPending = TupleState::pending, kAutowhite = TupleState::autowhite,
               kTarpit = TupleState::tarpit;
const GreylistTimes kTimes{5s, 3600s};
constexpr const char* kA = "<a@x.test>";
constexpr const char* kQ = "<q@x.test>";
constexpr const char* kIp = "192.0.2.1";

TEST(TupleTable, CountsTriesAndPassesAndWhenItWasSeen) {
  TupleTable table({}, kSecret);
  const auto one = tuple(kIp);
  EXPECT_EQ(table.decide(one, {10s, 60s}, at(0)).tries, 1U);
  EXPECT_EQ(table.decide(one, {10s, 60s}, at(3)).tries, 2U);
  EXPECT_TRUE(table.decide(one, {10s, 60s}, at(10)).passes());
  EXPECT_TRUE(table.decide(one, {10s, 60s}, at(20)).passes());
  const auto changes = table.take_changes();
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].facts, (TupleFacts{kAutowhite, at(80), {}, at(0), at(20), 2, 2}));
  EXPECT_TRUE(changes[0].created && changes[0].tell_created && changes[0].tell_passed);
  EXPECT_EQ(changes[0].stored_time, at(10));
  EXPECT_EQ(changes[0].entry->address, kIp);
  EXPECT_TRUE(table.take_changes().empty());
}

TEST(TupleTable, CountsThePassesOfASendingDomain) {
  TupleTable table({.lazyaw = true}, kSecret);
  const auto record = sending_record(tuple(kIp)).value();
  EXPECT_EQ(table.passes(record, at(0)), 0U);
  EXPECT_EQ(table.note_pass(record, 60s, at(0)), 1U);
  EXPECT_EQ(table.note_pass(record, 60s, at(50)), 2U);
  EXPECT_EQ(table.passes(record, at(110)), 2U);
  EXPECT_EQ(table.load().records, 1U);
  EXPECT_EQ(table.decide(tuple(kIp), kTimes, at(1)).kind, Kind::first_encounter)
      << "a record lets nothing pass itself";
  const auto changes = table.take_changes();
  const auto found =
      std::ranges::find(changes, TupleState::record, [](const auto& one) { return one.facts.state; });
  ASSERT_NE(found, changes.end());
  EXPECT_FALSE(found->tell_created || found->tell_passed) << "peers know of no records";
  EXPECT_EQ(found->entry->sender, "@x.test");
  EXPECT_EQ(found->facts.passes, 2U);
  EXPECT_EQ(table.passes(record, at(111)), 0U) << "forgotten";
}

TEST(TupleTable, KeepsTheShortestWaitOfATarpit) {
  TupleTable table({}, kSecret);
  const auto one = tuple(kIp);
  EXPECT_FALSE(table.tarpit(one, 5s, at(0))) << "not known";
  EXPECT_FALSE(table.tarpitted(one, at(0)));
  table.decide(one, {10s, 60s}, at(0));
  EXPECT_FALSE(table.tarpitted(one, at(0))) << "known, but never kept waiting";
  EXPECT_TRUE(table.tarpit(one, 5s, at(0)));
  EXPECT_TRUE(table.tarpit(one, 9s, at(0)));
  EXPECT_EQ(table.tarpitted(one, at(0)), 5s);
  EXPECT_TRUE(table.tarpit(one, 0s, at(0)));
  EXPECT_EQ(table.tarpitted(one, at(0)), 0s);
  EXPECT_EQ(table.load().tarpit, 1U);
  EXPECT_TRUE(table.release(one, 60s, at(1)));
  EXPECT_FALSE(table.tarpitted(one, at(0)));
  EXPECT_EQ(table.decide(one, {10s, 60s}, at(2)).kind, Kind::autowhite);
}

TEST(TupleTable, PeersAddWhatIsNewToIt) {
  TupleTable table({}, kSecret);
  const auto one = tuple(kIp);
  EXPECT_EQ(table.peer_add(one, at(10), at(0)), TupleShard::Added::added);
  EXPECT_EQ(table.peer_add(one, at(10), at(0)), TupleShard::Added::known);
  EXPECT_EQ(table.decide(one, {30s, 60s}, at(9)).remaining, 1s);
  EXPECT_EQ(table.peer_add(one, at(11), at(0)), TupleShard::Added::added);
  const auto changes = table.take_changes();
  ASSERT_EQ(changes.size(), 2U);
  for (const auto& change : changes) EXPECT_FALSE(change.tell_created || change.tell_passed);
}

struct MergeCase {
  const char* name;
  TupleState state;  ///< of theirs; ours is as `ours` says, until 100
  std::int64_t time;
  TupleState ours;
  TupleShard::Merged merged;
  std::size_t pending, autowhite;
  std::int64_t after;  ///< the time of ours then
};
class Merge : public testing::TestWithParam<MergeCase> {};

TEST_P(Merge, KeepsTheOneThatIsBetterForTheSender) {
  const auto& one = GetParam();
  TupleTable table({}, kSecret);
  const auto ours = entry(kIp, kA, one.ours, at(100)), theirs = entry(kIp, kA, one.state, at(one.time));
  ASSERT_TRUE(table.load(*ours.tuple({}), 1, ours.facts));
  EXPECT_EQ(table.merge(*theirs.tuple({}), theirs, at(5)), one.merged);
  EXPECT_EQ(table.load().pending, one.pending);
  EXPECT_EQ(table.load().autowhite, one.autowhite);
  const auto changes = table.take_changes();
  ASSERT_EQ(changes.size(), one.merged == TupleShard::Merged::taken ? 1U : 0U);
  for (const auto& change : changes) {
    EXPECT_FALSE(change.tell_created || change.tell_passed) << "it came from a peer";
    EXPECT_EQ(change.facts.time, at(one.after));
  }
}

constexpr auto kTaken = TupleShard::Merged::taken, kKnown = TupleShard::Merged::known;
INSTANTIATE_TEST_SUITE_P(
    , Merge,
    testing::Values(MergeCase{"the_same", kPending, 100, kPending, kKnown, 1, 0, 100},
                    MergeCase{"pending_sooner", kPending, 50, kPending, kTaken, 1, 0, 50},
                    MergeCase{"pending_later", kPending, 200, kPending, kKnown, 1, 0, 100},
                    MergeCase{"pending_where_it_passes", kPending, 50, kAutowhite, kKnown, 0, 1, 100},
                    MergeCase{"passes_where_it_is_pending", kAutowhite, 50, kPending, kTaken, 0, 1, 50},
                    MergeCase{"passes_longer", kAutowhite, 200, kAutowhite, kTaken, 0, 1, 200},
                    MergeCase{"passes_shorter", kAutowhite, 50, kAutowhite, kKnown, 0, 1, 100},
                    MergeCase{"passes_no_more", kAutowhite, 1, kPending, kKnown, 1, 0, 100},
                    MergeCase{"a_tarpit", kTarpit, 100, kPending, kKnown, 1, 0, 100}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(TupleTable, TakesWhatItDoesNotHaveFromAPeersTable) {
  TupleTable table({}, kSecret);
  auto theirs = entry(kIp, kA, kAutowhite, at(100));
  theirs.facts.passes = 7;
  EXPECT_EQ(table.merge(*theirs.tuple({}), theirs, at(5)), kTaken);
  EXPECT_EQ(table.merge(*theirs.tuple({}), theirs, at(5)), kKnown) << "and once";
  const auto changes = table.take_changes();
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_TRUE(changes[0].created && !changes[0].tell_created);
  EXPECT_EQ(changes[0].facts, theirs.facts);
}

struct PeerPassCase {
  const char* name;
  const char* address;
  const char* sender;
  TupleState state;
  std::int64_t time, until;
  bool applied;
  std::size_t pending, autowhite;
};
class PeerPass : public testing::TestWithParam<PeerPassCase> {};

TEST_P(PeerPass, FindsTheEntryThatItMeans) {
  const auto& one = GetParam();
  TupleTable table({}, kSecret);
  const auto stored = entry(kIp, kA, one.state, at(10));
  ASSERT_TRUE(table.load(*stored.tuple({}), 1, stored.facts));
  EXPECT_EQ(table.peer_passed(tuple(one.address, one.sender), at(one.time), at(one.until), at(5)),
            one.applied);
  EXPECT_EQ(table.load().pending, one.pending);
  EXPECT_EQ(table.load().autowhite, one.autowhite);
}

INSTANTIATE_TEST_SUITE_P(
    , PeerPass,
    testing::Values(
        PeerPassCase{"by_its_time", kIp, kA, kPending, 10, 60, true, 0, 1},
        PeerPassCase{"of_another_time", kIp, kA, kPending, 11, 60, true, 0, 1},
        PeerPassCase{"that_names_its_new_time", kIp, kA, kPending, 60, 60, true, 0, 1},
        PeerPassCase{"that_names_its_new_time_for_an_autowhite_one", kIp, kA, kAutowhite, 60, 60, true, 0, 1},
        PeerPassCase{"that_comes_late_for_an_autowhite_one", kIp, kA, kAutowhite, 9, 9, false, 0, 1},
        PeerPassCase{"that_is_shorter_by_its_time", kIp, kA, kAutowhite, 10, 9, true, 0, 1},
        PeerPassCase{"of_a_tarpit_by_its_time", kIp, kA, kTarpit, 10, 60, true, 0, 1},
        PeerPassCase{"of_a_tarpit_of_another_time_is_new", kIp, kA, kTarpit, 60, 60, true, 0, 1},
        PeerPassCase{"of_another_address_is_new", "192.0.2.2", kA, kPending, 10, 60, true, 1, 1},
        PeerPassCase{"of_another_sender_is_new", kIp, kQ, kPending, 10, 60, true, 1, 1},
        PeerPassCase{"of_nobody_and_over", kIp, kQ, kPending, 10, 5, false, 1, 0},
        PeerPassCase{"without_autowhite", kIp, kA, kPending, 10, 5, true, 0, 0}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(TupleTable, UnderstandsAPassThatIsToldBeforeItsTuple) {
  TupleTable table({}, kSecret);
  const auto one = tuple(kIp);
  EXPECT_TRUE(table.peer_passed(one, at(60), at(60), at(0)));
  EXPECT_EQ(table.peer_add(one, at(60), at(0)), TupleShard::Added::known);
  EXPECT_EQ(table.decide(one, {30s, 60s}, at(1)).kind, Kind::autowhite);
  for (const auto& change : table.take_changes()) EXPECT_FALSE(change.tell_created);
}

TEST(TupleTable, PeerPassPrefersTheEntryWithTheVeryTime) {
  TupleTable table({}, kSecret);
  for (std::uint64_t i = 0; i < 3; ++i) {
    const auto stored = entry(kIp, kA, kPending, at(i == 1 ? 60 : 10 + static_cast<std::int64_t>(i)));
    ASSERT_TRUE(table.load(*stored.tuple({}), i + 1, stored.facts));
  }
  EXPECT_TRUE(table.peer_passed(tuple(kIp, kA), at(60), at(60), at(5)));
  const auto changes = table.take_changes();
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].sequence, 2U);
}

TEST(TupleTable, RemembersNoMoreThanItMay) {
  TableSettings settings;
  settings.most_tuples = 10;
  TupleTable table(settings, kSecret);
  int remembered = 0;
  for (int i = 0; i < 20; ++i) {
    const auto sender = "<" + std::to_string(i) + "@x.test>";
    const auto decision = table.decide(tuple(kIp, sender), kTimes, kStart);
    remembered += decision.kind == Kind::first_encounter;
    EXPECT_EQ(decision.passes(), i >= 10);
  }
  EXPECT_EQ(remembered, 10);
  for (int i = 0; i < 10; ++i) {
    const auto sender = "<" + std::to_string(i) + "@x.test>";
    EXPECT_EQ(table.decide(tuple(kIp, sender), kTimes, at(5)).kind, Kind::passed);
  }
}

TEST(TupleTable, KeepsEqualEntriesUpToALimit) {
  TupleTable table({}, kSecret);
  const auto one = entry(kIp, kA, kPending, at(0));
  for (std::size_t i = 0; i < TupleShard::kMostEqual; ++i) {
    EXPECT_EQ(table.import(*one.tuple({}), one), TupleShard::Added::added);
  }
  EXPECT_EQ(table.import(*one.tuple({}), one), TupleShard::Added::full);
}

TEST(TupleTable, HoldsItsWaitingChangesToALimit) {
  TableSettings settings;
  settings.lazyaw = true;  // all of one client are in one part of the table
  settings.most_unsaved = 640;
  TupleTable table(settings, kSecret);
  std::size_t remembered = 0;
  for (int i = 0; i < 5000; ++i) {
    const auto sender = "<" + std::to_string(i) + "@x.test>";
    remembered += table.decide(tuple(kIp, sender), kTimes, kStart).kind == Kind::first_encounter;
  }
  EXPECT_EQ(remembered, 640U);
  EXPECT_EQ(table.take_changes().size(), 640U);
}

TEST(TupleTable, DecidesOnSeveralThreadsAtOnce) {
  TupleTable table({}, kSecret);
  std::vector<std::thread> threads;
  std::vector<TupleChange> changes;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&table] {
      for (int i = 0; i < 2000; ++i) {
        const auto sender = "<" + std::to_string(i) + "@x.test>";
        table.decide(tuple(kIp, sender), kTimes, kStart);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const auto load = table.load();
  EXPECT_EQ(load.pending, 2000U);
  std::uint32_t tries = 0;
  for (const auto& change : table.take_changes()) tries += change.facts.tries;
  EXPECT_EQ(tries, 8000U);
}

TEST(TupleIndex, FindsAllThatWereInsertedAndNotErased) {
  TupleIndex index;
  const SipHash hash(kSecret);
  std::vector<TupleIndex::Place> places;
  constexpr std::uint64_t kNodes = 5000;
  const auto node = [&](std::uint64_t i) {
    TupleNode one;
    one.hash = hash.hash(std::to_string(i / 2));  // each hash twice
    one.sequence = i + 1;
    return one;
  };
  for (std::uint64_t i = 0; i < kNodes; ++i) places.push_back(index.insert(node(i)));
  for (std::uint64_t i = 0; i < kNodes; i += 3) index.erase(places[i]);
  for (std::uint64_t i = 0; i < kNodes; ++i) {
    std::size_t found = 0;
    for (auto place = index.find(node(i).hash); place != TupleIndex::kNone; place = index.next(place)) {
      found += index.at(place).sequence == i + 1;
    }
    EXPECT_EQ(found, i % 3 == 0 ? 0U : 1U) << i;
  }
  EXPECT_EQ(index.size(), kNodes - (kNodes + 2) / 3);
  const auto before = index.places();
  for (std::uint64_t i = 0; i < kNodes; i += 3) index.insert(node(i));
  EXPECT_EQ(index.places(), before) << "places are used again";
}

}  // namespace
}  // namespace hikyaku::greylist
