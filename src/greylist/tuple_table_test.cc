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

struct Entry {
  const char* address;
  const char* sender;
  TupleState state;
  std::int64_t time;  ///< seconds after the message comes
};
struct DecisionCase {
  const char* name;
  std::vector<Entry> before;
  TableSettings settings;
  MatchPrefixes prefixes;
  GreylistTimes times;
  const char* address;
  const char* sender;
  Kind kind;
  std::int64_t remaining, elapsed;
  std::vector<Entry> after;
};
// In the order of arrival.
std::vector<std::string> texts(const std::vector<Entry>& entries) {
  std::vector<std::string> all;
  for (const auto& one : entries) {
    all.push_back(std::string(text(one.state)) + " " + std::to_string(one.time));
  }
  return all;
}

class Decision : public testing::TestWithParam<DecisionCase> {};

// Each row was asked of milter-greylist 4.6.4 itself, or is named as what differs from it.
TEST_P(Decision, IsThatOfMilterGreylist) {
  const auto& one = GetParam();
  TupleTable table(one.settings, kSecret);
  std::vector<TupleFacts> facts;
  for (const auto& before : one.before) {
    const auto stored = entry(before.address, before.sender, before.state, at(before.time));
    ASSERT_TRUE(table.load(*stored.tuple(one.prefixes), facts.size() + 1, stored.facts));
    facts.push_back(stored.facts);
  }
  table.start_sequences_at(facts.size() + 1);
  const auto decision =
      table.decide(tuple(one.address, one.sender, "<b@y.test>", one.prefixes), one.times, kStart);
  EXPECT_EQ(decision.kind, one.kind);
  EXPECT_EQ(decision.remaining.count(), one.remaining);
  EXPECT_EQ(decision.elapsed.count(), one.elapsed);

  std::vector<bool> gone(facts.size());
  for (const auto& change : table.take_changes()) {
    const auto i = change.sequence - 1;
    if (i >= facts.size()) {
      facts.push_back(change.facts);
      gone.push_back(false);
    } else {
      EXPECT_EQ(change.stored_time, facts[i].time);
      EXPECT_EQ(change.stored_state, facts[i].state);
      facts[i] = change.facts;
      gone[i] = change.removed;
    }
  }
  std::vector<std::string> after;
  for (std::size_t i = 0; i < facts.size(); ++i) {
    if (!gone[i]) {
      after.push_back(std::string(text(facts[i].state)) + " " +
                      std::to_string((facts[i].time - kStart).count()));
    }
  }
  EXPECT_EQ(after, texts(one.after));
}

constexpr auto kPending = TupleState::pending, kAutowhite = TupleState::autowhite,
               kTarpit = TupleState::tarpit;
const GreylistTimes kTimes{5s, 3600s};
const GreylistTimes kNoAutowhite{5s, 0s};
constexpr const char* kA = "<a@x.test>";
constexpr const char* kQ = "<q@x.test>";
constexpr const char* kIp = "192.0.2.1";
const TableSettings kPlain{100s};
const TableSettings kLazy{100s, true};

INSTANTIATE_TEST_SUITE_P(, Decision,
                         testing::Values(DecisionCase{"nothing_known",
                                                      {},
                                                      kPlain,
                                                      {},
                                                      kTimes,
                                                      kIp,
                                                      kA,
                                                      Kind::first_encounter,
                                                      5,
                                                      0,
                                                      {{kIp, kA, kPending, 5}}},
                                         DecisionCase{"without_a_delay_it_passes_at_once_and_stays_pending",
                                                      {},
                                                      kPlain,
                                                      {},
                                                      {0s, 3600s},
                                                      kIp,
                                                      kA,
                                                      Kind::passed,
                                                      0,
                                                      0,
                                                      {{kIp, kA, kPending, 0}}},
                                         DecisionCase{"pending_and_not_due",
                                                      {{kIp, kA, kPending, 2}},
                                                      kPlain,
                                                      {},
                                                      kTimes,
                                                      kIp,
                                                      kA,
                                                      Kind::pending,
                                                      2,
                                                      3,
                                                      {{kIp, kA, kPending, 2}}},
                                         DecisionCase{"due_in_this_second",
                                                      {{kIp, kA, kPending, 0}},
                                                      kPlain,
                                                      {},
                                                      kTimes,
                                                      kIp,
                                                      kA,
                                                      Kind::passed,
                                                      0,
                                                      5,
                                                      {{kIp, kA, kAutowhite, 3600}}},
                                         DecisionCase{"due_long_ago",
                                                      {{kIp, kA, kPending, -99}},
                                                      kPlain,
                                                      {},
                                                      kTimes,
                                                      kIp,
                                                      kA,
                                                      Kind::passed,
                                                      0,
                                                      104,
                                                      {{kIp, kA, kAutowhite, 3600}}},
                                         DecisionCase{"timed_out",
                                                      {{kIp, kA, kPending, -101}},
                                                      kPlain,
                                                      {},
                                                      kTimes,
                                                      kIp,
                                                      kA,
                                                      Kind::first_encounter,
                                                      5,
                                                      0,
                                                      {{kIp, kA, kPending, 5}}},
                                         DecisionCase{"a_pass_without_autowhite_is_forgotten",
                                                      {{kIp, kA, kPending, -5}},
                                                      kPlain,
                                                      {},
                                                      kNoAutowhite,
                                                      kIp,
                                                      kA,
                                                      Kind::passed,
                                                      0,
                                                      10,
                                                      {}},
                                         DecisionCase{"autowhite_slides",
                                                      {{kIp, kA, kAutowhite, 10}},
                                                      kPlain,
                                                      {},
                                                      kTimes,
                                                      kIp,
                                                      kA,
                                                      Kind::autowhite,
                                                      0,
                                                      0,
                                                      {{kIp, kA, kAutowhite, 3600}}},
                                         DecisionCase{"autowhite_slides_back_too",
                                                      {{kIp, kA, kAutowhite, 9999}},
                                                      kPlain,
                                                      {},
                                                      kTimes,
                                                      kIp,
                                                      kA,
                                                      Kind::autowhite,
                                                      0,
                                                      0,
                                                      {{kIp, kA, kAutowhite, 3600}}},
                                         DecisionCase{"autowhite_in_its_last_second",
                                                      {{kIp, kA, kAutowhite, 0}},
                                                      kPlain,
                                                      {},
                                                      kTimes,
                                                      kIp,
                                                      kA,
                                                      Kind::autowhite,
                                                      0,
                                                      0,
                                                      {{kIp, kA, kAutowhite, 3600}}},
                                         DecisionCase{"autowhite_that_is_over",
                                                      {{kIp, kA, kAutowhite, -1}},
                                                      kPlain,
                                                      {},
                                                      kTimes,
                                                      kIp,
                                                      kA,
                                                      Kind::first_encounter,
                                                      5,
                                                      0,
                                                      {{kIp, kA, kPending, 5}}},
                                         DecisionCase{"autowhite_does_not_count_where_the_rule_has_none",
                                                      {{kIp, kA, kAutowhite, 10}},
                                                      kPlain,
                                                      {},
                                                      kNoAutowhite,
                                                      kIp,
                                                      kA,
                                                      Kind::first_encounter,
                                                      5,
                                                      0,
                                                      {{kIp, kA, kAutowhite, 10}, {kIp, kA, kPending, 5}}},
                                         DecisionCase{"a_tarpit_entry_does_not_count",
                                                      {{kIp, kA, kTarpit, -5}},
                                                      kPlain,
                                                      {},
                                                      kTimes,
                                                      kIp,
                                                      kA,
                                                      Kind::first_encounter,
                                                      5,
                                                      0,
                                                      {{kIp, kA, kTarpit, -5}, {kIp, kA, kPending, 5}}},
                                         DecisionCase{"of_two_the_first_decides",
                                                      {{kIp, kA, kPending, 50}, {kIp, kA, kPending, -5}},
                                                      kPlain,
                                                      {},
                                                      kTimes,
                                                      kIp,
                                                      kA,
                                                      Kind::pending,
                                                      50,
                                                      -45,
                                                      {{kIp, kA, kPending, 50}, {kIp, kA, kPending, -5}}},
                                         DecisionCase{"of_two_the_first_that_counts_decides",
                                                      {{kIp, kA, kPending, -101}, {kIp, kA, kPending, 2}},
                                                      kPlain,
                                                      {},
                                                      kTimes,
                                                      kIp,
                                                      kA,
                                                      Kind::pending,
                                                      2,
                                                      3,
                                                      {{kIp, kA, kPending, 2}}},
                                         DecisionCase{"another_sender",
                                                      {{kIp, kQ, kPending, 2}},
                                                      kPlain,
                                                      {},
                                                      kTimes,
                                                      kIp,
                                                      kA,
                                                      Kind::first_encounter,
                                                      5,
                                                      0,
                                                      {{kIp, kQ, kPending, 2}, {kIp, kA, kPending, 5}}},
                                         DecisionCase{"another_address",
                                                      {{"192.0.2.2", kA, kPending, 2}},
                                                      kPlain,
                                                      {},
                                                      kTimes,
                                                      kIp,
                                                      kA,
                                                      Kind::first_encounter,
                                                      5,
                                                      0,
                                                      {{kIp, kA, kPending, 2}, {kIp, kA, kPending, 5}}},
                                         DecisionCase{"the_same_network",
                                                      {{"192.0.2.2", kA, kPending, 2}},
                                                      kPlain,
                                                      {24, 64},
                                                      kTimes,
                                                      kIp,
                                                      kA,
                                                      Kind::pending,
                                                      2,
                                                      3,
                                                      {{kIp, kA, kPending, 2}}},
                                         DecisionCase{"the_same_ipv6_network",
                                                      {{"2001:db8::1", kA, kPending, -2}},
                                                      kPlain,
                                                      {24, 64},
                                                      kTimes,
                                                      "2001:db8::ffff",
                                                      kA,
                                                      Kind::passed,
                                                      0,
                                                      7,
                                                      {{kIp, kA, kAutowhite, 3600}}},
                                         DecisionCase{"another_network",
                                                      {{"192.0.3.1", kA, kPending, 2}},
                                                      kPlain,
                                                      {24, 64},
                                                      kTimes,
                                                      kIp,
                                                      kA,
                                                      Kind::first_encounter,
                                                      5,
                                                      0,
                                                      {{kIp, kA, kPending, 2}, {kIp, kA, kPending, 5}}},
                                         DecisionCase{"autowhite_without_case",
                                                      {{kIp, "<A@X.test>", kAutowhite, 10}},
                                                      kPlain,
                                                      {},
                                                      kTimes,
                                                      kIp,
                                                      kA,
                                                      Kind::autowhite,
                                                      0,
                                                      0,
                                                      {{kIp, kA, kAutowhite, 3600}}},
                                         DecisionCase{"pending_without_case_which_differs",
                                                      {{kIp, "<A@X.test>", kPending, 2}},
                                                      kPlain,
                                                      {},
                                                      kTimes,
                                                      kIp,
                                                      kA,
                                                      Kind::pending,
                                                      2,
                                                      3,
                                                      {{kIp, kA, kPending, 2}}},
                                         DecisionCase{"lazyaw_whitens_all_senders_of_the_address",
                                                      {{kIp, kA, kAutowhite, 10}},
                                                      kLazy,
                                                      {},
                                                      kTimes,
                                                      kIp,
                                                      kQ,
                                                      Kind::autowhite,
                                                      0,
                                                      0,
                                                      {{kIp, kA, kAutowhite, 3600}}},
                                         DecisionCase{"lazyaw_after_a_pending_one_of_the_tuple",
                                                      {{kIp, kQ, kPending, 50}, {kIp, kA, kAutowhite, 10}},
                                                      kLazy,
                                                      {},
                                                      kTimes,
                                                      kIp,
                                                      kQ,
                                                      Kind::pending,
                                                      50,
                                                      -45,
                                                      {{kIp, kQ, kPending, 50}, {kIp, kA, kAutowhite, 10}}},
                                         DecisionCase{"lazyaw_before_a_pending_one_of_the_tuple",
                                                      {{kIp, kA, kAutowhite, 10}, {kIp, kQ, kPending, 50}},
                                                      kLazy,
                                                      {},
                                                      kTimes,
                                                      kIp,
                                                      kQ,
                                                      Kind::autowhite,
                                                      0,
                                                      0,
                                                      {{kIp, kA, kAutowhite, 3600}, {kIp, kQ, kPending, 50}}},
                                         DecisionCase{"lazyaw_that_is_over",
                                                      {{kIp, kA, kAutowhite, -1}},
                                                      kLazy,
                                                      {},
                                                      kTimes,
                                                      kIp,
                                                      kQ,
                                                      Kind::first_encounter,
                                                      5,
                                                      0,
                                                      {{kIp, kQ, kPending, 5}}},
                                         DecisionCase{"lazyaw_of_the_network",
                                                      {{"192.0.2.9", kA, kAutowhite, 10}},
                                                      kLazy,
                                                      {24, 64},
                                                      kTimes,
                                                      kIp,
                                                      kQ,
                                                      Kind::autowhite,
                                                      0,
                                                      0,
                                                      {{kIp, kA, kAutowhite, 3600}}},
                                         DecisionCase{"lazyaw_of_another_address",
                                                      {{"192.0.2.9", kA, kAutowhite, 10}},
                                                      kLazy,
                                                      {},
                                                      kTimes,
                                                      kIp,
                                                      kQ,
                                                      Kind::first_encounter,
                                                      5,
                                                      0,
                                                      {{kIp, kA, kAutowhite, 10}, {kIp, kQ, kPending, 5}}},
                                         DecisionCase{"lazyaw_where_the_rule_has_no_autowhite",
                                                      {{kIp, kA, kAutowhite, 10}},
                                                      kLazy,
                                                      {},
                                                      kNoAutowhite,
                                                      kIp,
                                                      kQ,
                                                      Kind::first_encounter,
                                                      5,
                                                      0,
                                                      {{kIp, kA, kAutowhite, 10}, {kIp, kQ, kPending, 5}}}),
                         [](const auto& row) { return std::string(row.param.name); });

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

struct PeerPassCase {
  const char* name;
  const char* address;
  const char* sender;
  TupleState state;
  std::int64_t time, until;
  bool applied;
  std::size_t autowhite;
};
class PeerPass : public testing::TestWithParam<PeerPassCase> {};

TEST_P(PeerPass, FindsTheEntryThatItNames) {
  const auto& one = GetParam();
  TupleTable table({}, kSecret);
  const auto stored = entry(kIp, kA, one.state, at(10));
  ASSERT_TRUE(table.load(*stored.tuple({}), 1, stored.facts));
  EXPECT_EQ(table.peer_passed(tuple(one.address, one.sender), at(one.time), at(one.until), at(5)),
            one.applied);
  EXPECT_EQ(table.load().autowhite, one.autowhite);
}

INSTANTIATE_TEST_SUITE_P(
    , PeerPass,
    testing::Values(PeerPassCase{"by_its_time", kIp, kA, kPending, 10, 60, true, 1},
                    PeerPassCase{"of_another_time", kIp, kA, kPending, 11, 60, false, 0},
                    PeerPassCase{"that_names_its_new_time", kIp, kA, kPending, 60, 60, true, 1},
                    PeerPassCase{"that_names_its_new_time_for_an_autowhite_one", kIp, kA, kAutowhite, 60, 60,
                                 true, 1},
                    PeerPassCase{"that_names_its_new_time_for_a_tarpit", kIp, kA, kTarpit, 60, 60, false, 0},
                    PeerPassCase{"of_another_address", "192.0.2.2", kA, kPending, 10, 60, false, 0},
                    PeerPassCase{"of_another_sender", kIp, kQ, kPending, 10, 60, false, 0},
                    PeerPassCase{"without_autowhite", kIp, kA, kPending, 10, 5, true, 0},
                    PeerPassCase{"a_tarpit_by_its_time", kIp, kA, kTarpit, 10, 60, true, 1}),
    [](const auto& row) { return std::string(row.param.name); });

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
