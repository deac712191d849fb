#include "greylist/tuple_decision.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "greylist/greylist_for_tests.h"
#include "greylist/tuple_table.h"

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

}  // namespace
}  // namespace hikyaku::greylist
