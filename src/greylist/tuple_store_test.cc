#include "greylist/tuple_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/crashing_kv.h"
#include "greylist/greylist_for_tests.h"

namespace hikyaku::greylist {
namespace {

using std::chrono_literals::operator""s;
using Kind = TupleDecision::Kind;
using hikyaku::testing_support::CrashingKv;
using hikyaku::testing_support::Power;

constexpr SipHash::Key kSecret{1, 2};
constexpr const char* kIp = "192.0.2.1";
const GreylistTimes kTimes{10s, 60s};

TupleStore::Settings settings(MatchPrefixes prefixes = {}) {
  TupleStore::Settings one;
  one.table.timeout = 100s;
  one.prefixes = prefixes;
  return one;
}

/// The rows of the index are just those that the entries ask for.
void expect_consistent(CrashingKv& kv) {
  std::size_t good = 0;
  for (const auto& [key, row] : kv.rows(0)) {
    const auto entry = decode_tuple(row);
    ASSERT_TRUE(entry);
    const TupleTimeKey time{entry->facts.state, entry->facts.time, *parse_sequence_key(key)};
    good += kv.rows(1).count(time.key());
  }
  EXPECT_EQ(good, kv.rows(0).size());
  EXPECT_EQ(good, kv.rows(1).size());
}

TEST(TupleStore, RemembersAcrossARestartWhatWasFlushed) {
  Power power;
  CrashingKv kv(power, 2);
  {
    TupleStore store(kv, settings(), kSecret);
    ASSERT_TRUE(store.load());
    store.table().decide(tuple(kIp), kTimes, at(0));
    store.table().decide(tuple("192.0.2.2"), kTimes, at(0));
    EXPECT_EQ(store.flush()->changes, 2U);
    EXPECT_EQ(store.table().decide(tuple("192.0.2.2"), kTimes, at(10)).kind, Kind::passed);
    EXPECT_EQ(store.flush()->changes, 1U);
    EXPECT_EQ(store.flush()->changes, 0U);
    store.table().decide(tuple("192.0.2.3"), kTimes, at(0));
  }
  kv.restart();
  expect_consistent(kv);
  TupleStore store(kv, settings(), SipHash::Key{3, 4});
  ASSERT_TRUE(store.load());
  EXPECT_EQ(store.table().decide(tuple(kIp), kTimes, at(9)).remaining, 1s);
  EXPECT_EQ(store.table().decide(tuple("192.0.2.2"), kTimes, at(11)).kind, Kind::autowhite);
  EXPECT_EQ(store.table().decide(tuple("192.0.2.3"), kTimes, at(11)).kind, Kind::first_encounter);
  ASSERT_TRUE(store.flush());
  expect_consistent(kv);
  EXPECT_EQ(kv.rows(0).size(), 3U);
}

TEST(TupleStore, AppliesAChangedSubnetmatchToWhatIsStored) {
  Power power;
  CrashingKv kv(power, 2);
  {
    TupleStore store(kv, settings(), kSecret);
    store.table().decide(tuple(kIp), kTimes, at(0));
    ASSERT_TRUE(store.flush());
  }
  TupleStore store(kv, settings({24, 64}), kSecret);
  ASSERT_TRUE(store.load());
  const auto other = tuple("192.0.2.200", "<a@x.test>", "<b@y.test>", {24, 64});
  EXPECT_EQ(store.table().decide(other, kTimes, at(9)).kind, Kind::pending);
  ASSERT_TRUE(store.flush());
  EXPECT_EQ(decode_tuple(kv.rows(0).begin()->second)->address, kIp) << "the one that was seen first stays";
}

TEST(TupleStore, TellsPeersWhatItDecidedOnceItIsSaved) {
  Power power;
  CrashingKv kv(power, 2);
  TupleStore store(kv, settings({24, 64}), kSecret);
  const auto one = tuple(kIp, "<A@x.test>", "<b@y.test>", {24, 64});
  store.table().decide(one, kTimes, at(0));
  ASSERT_TRUE(store.write_out());
  EXPECT_EQ(kv.rows(0).size(), 1U);
  auto saved = store.flush();
  ASSERT_TRUE(saved) << "who wrote it out for a list has not told it";
  const PeerChange added{PeerChange::Kind::add, kIp, "<A@x.test>", "<b@y.test>", at(10), {}};
  EXPECT_EQ(saved->told, std::vector{added});
  store.table().decide(one, kTimes, at(5));
  EXPECT_TRUE(store.flush()->told.empty()) << "a try is nobody's business";
  store.table().decide(tuple("192.0.2.77", "<a@x.test>", "<b@y.test>", {24, 64}), kTimes, at(12));
  ASSERT_TRUE(store.expire(at(12)));
  saved = store.flush();
  PeerChange passed = added;
  passed.kind = PeerChange::Kind::del2;
  passed.autowhite = at(72);
  EXPECT_EQ(saved->told, std::vector{passed}) << "as the entry has it, with its time before, expire() or not";
  store.table().decide(one, {10s, 60s}, at(20));
  passed.time = at(72);
  passed.autowhite = at(80);
  EXPECT_EQ(store.flush()->told, std::vector{passed});
}

TEST(TupleStore, TellsPeersOfAPassThatIsForgotten) {
  Power power;
  CrashingKv kv(power, 2);
  TupleStore store(kv, settings(), kSecret);
  store.table().decide(tuple(kIp), kTimes, at(0));
  ASSERT_TRUE(store.flush());
  store.table().decide(tuple(kIp), {10s, 0s}, at(11));
  const auto saved = store.flush();
  const PeerChange passed{PeerChange::Kind::del2, kIp, "<a@x.test>", "<b@y.test>", at(10), at(11)};
  EXPECT_EQ(saved->told, std::vector{passed});
  EXPECT_TRUE(kv.rows(0).empty() && kv.rows(1).empty());
}

TEST(TupleStore, ToldOfAPoolItIsThePoolsAlsoAtThePeer) {
  Power power;
  CrashingKv kv(power, 2), at_peer(power, 2);
  TupleStore store(kv, settings(), kSecret), peer(at_peer, settings(), kSecret);
  const auto of_pool = [](const char* address) {
    return Tuple{ClientKey::of_pool("spf:x.test", address).value(), "<a@x.test>", "<b@y.test>"};
  };
  store.table().decide(of_pool("192.0.2.7"), kTimes, at(0));
  const auto saved = store.flush();
  ASSERT_TRUE(saved);
  ASSERT_EQ(saved->told.size(), 1U);
  EXPECT_EQ(saved->told[0].pool, "spf:x.test");
  ASSERT_TRUE(*peer.apply(saved->told[0], 60s, at(1)));
  EXPECT_EQ(peer.table().decide(of_pool("203.0.113.9"), kTimes, at(2)).kind, Kind::pending)
      << "met at the other first";
}

TEST(TupleStore, AppliesWhatPeersSayAndTellsNobody) {
  Power power;
  CrashingKv kv(power, 2);
  TupleStore store(kv, settings(), kSecret);
  PeerChange change{PeerChange::Kind::add, kIp, "<a@x.test>", "<b@y.test>", at(10), {}};
  EXPECT_TRUE(*store.apply(change, 60s, at(0)));
  EXPECT_FALSE(*store.apply(change, 60s, at(0)));
  change.kind = PeerChange::Kind::del;
  EXPECT_TRUE(*store.apply(change, 60s, at(10)));
  EXPECT_EQ(store.table().decide(tuple(kIp), kTimes, at(70)).kind, Kind::autowhite);
  ASSERT_TRUE(store.flush());
  change.kind = PeerChange::Kind::flush;
  change.address = "192.0.2.2";
  EXPECT_FALSE(*store.apply(change, 60s, at(70)));
  change.address = kIp;
  EXPECT_TRUE(*store.apply(change, 60s, at(70)));
  EXPECT_TRUE(store.flush()->told.empty());
  EXPECT_TRUE(kv.rows(0).empty() && kv.rows(1).empty());
  change.address = "somewhere";
  change.kind = PeerChange::Kind::add;
  EXPECT_EQ(store.apply(change, 60s, at(70)).error().fault, Fault::malformed);
}

TEST(TupleStore, FlushesAnAddressAndTellsPeersOfIt) {
  Power power;
  CrashingKv kv(power, 2);
  TupleStore store(kv, settings({24, 64}), kSecret);
  for (const char* address : {"192.0.2.1", "192.0.2.2", "192.0.2.1"}) {
    const auto sender = "<" + std::to_string(store.table().load().pending) + "@x.test>";
    store.table().decide(tuple(address, sender, "<b@y.test>", {24, 64}), kTimes, at(0));
  }
  ASSERT_TRUE(store.flush());
  EXPECT_EQ(store.flush_address("192.0.2.3"), 0U);
  EXPECT_EQ(store.flush_address("192.0.2.1"), 2U) << "not the whole network";
  const auto saved = store.flush();
  EXPECT_EQ(saved->told, (std::vector{PeerChange{PeerChange::Kind::flush, "192.0.2.1", "", "", {}, {}}}));
  EXPECT_EQ(kv.rows(0).size(), 1U);
  expect_consistent(kv);
}

TEST(TupleStore, ImportsMoreThanMayWaitAndKeepsTheOrder) {
  Power power;
  CrashingKv kv(power, 2);
  auto few = settings();
  few.table.most_unsaved = 64;
  TupleStore store(kv, few, kSecret);
  for (int i = 0; i < 300; ++i) {
    const auto one = entry(kIp, "<" + std::to_string(i) + "@x.test>", TupleState::pending, at(0));
    EXPECT_EQ(store.import(one, at(5)), true);
  }
  ASSERT_TRUE(store.flush());
  const auto page = store.list({}, {}, 1000);
  ASSERT_EQ(page->tuples.size(), 300U);
  for (std::size_t i = 0; i < 300; ++i) {
    EXPECT_EQ(page->tuples[i].entry.sender, "<" + std::to_string(i) + "@x.test>");
  }
  EXPECT_EQ(page->tuples[0].entry.facts.first_seen, at(5));
}

TEST(TupleStore, ForgetsWhatHasExpiredInBoundedSteps) {
  Power power;
  CrashingKv kv(power, 2);
  TupleStore store(kv, settings(), kSecret);
  for (int i = 0; i < 10; ++i) {
    store.table().decide(tuple(kIp, "<" + std::to_string(i) + "@x.test>"), kTimes, at(i));
  }
  EXPECT_EQ(store.expire(at(110), 4), 0U);
  EXPECT_EQ(store.expire(at(117), 4), 4U) << "those of the first 7 seconds";
  EXPECT_EQ(store.table().load().pending, 6U);
  EXPECT_EQ(store.expire(at(117), 4), 3U);
  EXPECT_EQ(store.expire(at(117), 4), 0U);
  EXPECT_EQ(kv.rows(0).size(), 3U);
  expect_consistent(kv);
  // One that has slid meanwhile is not forgotten.
  store.table().decide(tuple(kIp, "<9@x.test>"), kTimes, at(117));
  EXPECT_EQ(store.expire(at(200), 4), 2U) << "of the state that has most";
  EXPECT_EQ(store.table().load().autowhite, 0U);
  EXPECT_TRUE(kv.rows(0).empty() && kv.rows(1).empty());
}

TEST(TupleStore, TellsWhoseTimeIsOver) {
  Power power;
  CrashingKv kv(power, 2);
  TupleStore store(kv, settings(), kSecret);
  std::vector<std::string> told;
  store.on_timeout([&](const TupleEntry& entry) { told.push_back(entry.address + " " + entry.sender); });
  store.table().decide(tuple(kIp), kTimes, at(0));
  store.table().decide(tuple("192.0.2.2"), kTimes, at(0));
  store.table().decide(tuple("192.0.2.3"), kTimes, at(50));
  ASSERT_TRUE(store.flush());
  EXPECT_EQ(store.table().decide(tuple("192.0.2.2"), kTimes, at(111)).kind, Kind::first_encounter);
  EXPECT_TRUE(told.empty()) << "it is not saved yet";
  ASSERT_TRUE(store.flush());
  EXPECT_EQ(told, std::vector<std::string>{"192.0.2.2 <a@x.test>"}) << "it came again, after its time";
  ASSERT_TRUE(store.expire(at(111)));
  EXPECT_EQ(told, (std::vector<std::string>{"192.0.2.2 <a@x.test>", "192.0.2.1 <a@x.test>"}));
  EXPECT_EQ(store.table().decide(tuple("192.0.2.3"), {10s, 0s}, at(112)).kind, Kind::passed);
  ASSERT_TRUE(store.expire(at(112)));
  EXPECT_EQ(told.size(), 2U) << "what has passed is forgotten in silence";
}

TEST(TupleStore, RemovesRowsOfTheIndexThatNothingStandsBehind) {
  Power power;
  CrashingKv kv(power, 2);
  TupleStore store(kv, settings(), kSecret);
  store.table().decide(tuple(kIp), kTimes, at(0));
  ASSERT_TRUE(store.flush());
  kv.rows(1)[TupleTimeKey{TupleState::pending, at(-500), 1}.key()] = "";  // not its time
  kv.rows(1)[TupleTimeKey{TupleState::tarpit, at(-500), 77}.key()] = "";  // nobody's
  ASSERT_TRUE(store.expire(at(0)));
  expect_consistent(kv);
  EXPECT_EQ(kv.rows(0).size(), 1U);
}

TEST(TupleStore, CountsAndNamesRowsThatCannotBeReadAndGoesOn) {
  Power power;
  CrashingKv kv(power, 2);
  {
    TupleStore store(kv, settings(), kSecret);
    for (int i = 0; i < 3; ++i) {
      store.table().decide(tuple(kIp, "<" + std::to_string(i) + "@x.test>"), kTimes, at(0));
    }
    ASSERT_TRUE(store.flush());
  }
  kv.rows(0)[sequence_key(2)] = "\x01junk";
  kv.rows(0)["key"] = "row";
  TupleStore store(kv, settings(), kSecret);
  const auto damage = store.load();
  ASSERT_TRUE(damage);
  EXPECT_EQ(damage->rows, 2U);
  EXPECT_EQ(damage->first,
            (std::vector<std::string>{"row 2: a greylist row has no state of number 106",
                                      "row key: a greylist row has a key that is no sequence"}));
  EXPECT_EQ(store.table().load().pending, 2U);
  store.table().decide(tuple(kIp, "<new@x.test>"), kTimes, at(0));
  EXPECT_EQ(store.flush()->changes, 1U);
  EXPECT_EQ(kv.rows(0).count(sequence_key(4)), 1U);
}

TEST(TupleStore, LosesAChangeOfARowThatCannotBeReadAnyMore) {
  Power power;
  CrashingKv kv(power, 2);
  TupleStore store(kv, settings(), kSecret);
  store.table().decide(tuple(kIp), kTimes, at(0));
  ASSERT_TRUE(store.flush());
  kv.rows(0).begin()->second = "";
  store.table().decide(tuple(kIp), kTimes, at(20));
  const auto saved = store.flush();
  ASSERT_TRUE(saved);
  EXPECT_EQ(saved->lost, 1U);
  EXPECT_EQ(store.table().decide(tuple(kIp), kTimes, at(21)).kind, Kind::autowhite);
}

TEST(TupleStore, ReleasesAndErasesByTheNumberThatAListTells) {
  Power power;
  CrashingKv kv(power, 2);
  TupleStore store(kv, settings(), kSecret);
  store.table().decide(tuple(kIp), kTimes, at(0));
  EXPECT_TRUE(*store.release(1, 60s, at(1)));
  EXPECT_FALSE(*store.release(2, 60s, at(1)));
  EXPECT_EQ(store.table().decide(tuple(kIp), kTimes, at(2)).kind, Kind::autowhite);
  EXPECT_TRUE(*store.erase(1));
  EXPECT_FALSE(*store.erase(1));
  EXPECT_EQ(store.table().decide(tuple(kIp), kTimes, at(2)).kind, Kind::first_encounter);
}

TEST(TupleStore, ListsInPages) {
  Power power;
  CrashingKv kv(power, 2);
  TupleStore store(kv, settings(), kSecret);
  for (int i = 0; i < 10; ++i) {
    const auto one =
        tuple(kIp, i % 2 == 0 ? "<Even@x.test>" : "<odd@x.test>", "<" + std::to_string(i) + "@y>");
    store.table().decide(one, {std::chrono::seconds(10 - i), 60s}, at(0));
    if (i >= 8) store.table().decide(one, kTimes, at(3));
  }
  ASSERT_TRUE(store.flush());
  const auto all = [&](const TupleQuery& query, std::size_t limit) {
    std::string numbers, from;
    do {
      const auto page = store.list(query, from, limit);
      EXPECT_TRUE(page && page->tuples.size() <= limit);
      for (const auto& one : page->tuples) numbers += std::to_string(one.sequence) + " ";
      from = page->next;
    } while (!from.empty());
    return numbers;
  };
  TupleQuery query;
  for (const std::size_t limit : {1U, 3U, 10U, 100U}) {
    query = {};
    EXPECT_EQ(all(query, limit), "1 2 3 4 5 6 7 8 9 10 ");
    query.order = TupleQuery::Order::time;
    EXPECT_EQ(all(query, limit), "8 7 6 5 4 3 2 1 9 10 ");
    query.state = TupleState::autowhite;
    EXPECT_EQ(all(query, limit), "9 10 ");
    query.sender = "EVEN@X.test";
    EXPECT_EQ(all(query, limit), "9 ");
    query = {};
    query.sender = "<even@x.test>";
    EXPECT_EQ(all(query, limit), "1 3 5 7 9 ");
    query.recipient = "4@y";
    EXPECT_EQ(all(query, limit), "5 ");
    query = {};
    query.client = "192.0.2.2";
    EXPECT_EQ(all(query, limit), "");
  }
}

TEST(TupleStore, HasSavedWhatAFlushSaidAndNothingHalfWhereverThePowerFails) {
  for (std::size_t surviving = 0; surviving < 2; ++surviving) {
    for (std::size_t fails_at = 1;; ++fails_at) {
      Power power(fails_at);
      CrashingKv kv(power, 2);
      std::vector<std::string> saved;  // senders whose pass was flushed
      {
        TupleStore store(kv, settings(), kSecret);
        ASSERT_TRUE(store.load());
        for (int i = 0; i < 5 && power.on(); ++i) {
          const auto sender = "<" + std::to_string(i) + "@x.test>";
          store.table().decide(tuple(kIp, sender), kTimes, at(0));
          if (!store.flush()) break;
          store.table().decide(tuple(kIp, sender), kTimes, at(10));
          if (!store.flush()) break;
          saved.push_back(sender);
          if (!store.expire(at(i))) break;
        }
      }
      const bool done = power.on();
      power.restart();
      kv.restart(surviving);
      expect_consistent(kv);
      TupleStore store(kv, settings(), kSecret);
      const auto damage = store.load();
      ASSERT_TRUE(damage);
      EXPECT_EQ(damage->rows, 0U);
      for (const auto& sender : saved) {
        EXPECT_EQ(store.table().decide(tuple(kIp, sender), kTimes, at(11)).kind, Kind::autowhite);
      }
      if (done) break;
      ASSERT_LT(fails_at, 1000U);
    }
  }
}

TEST(TupleStore, TriesAgainAfterAFailedCommit) {
  Power power(3);  // the second commit, before its effect
  CrashingKv kv(power, 2);
  TupleStore store(kv, settings(), kSecret);
  store.table().decide(tuple(kIp), kTimes, at(0));
  ASSERT_TRUE(store.flush());
  store.table().decide(tuple(kIp), kTimes, at(10));
  store.table().decide(tuple("192.0.2.2"), kTimes, at(10));
  EXPECT_FALSE(store.flush());
  store.table().decide(tuple("192.0.2.3"), kTimes, at(10));
  EXPECT_FALSE(store.expire(at(10)));
  power.restart();
  const auto saved = store.flush();
  ASSERT_TRUE(saved);
  EXPECT_EQ(saved->changes, 3U);
  EXPECT_EQ(saved->told.size(), 3U);
  expect_consistent(kv);
}

}  // namespace
}  // namespace hikyaku::greylist
