// Every change, with the power going off at every step of it.
#include <gtest/gtest.h>

#include <functional>

#include "store/opened_store.h"

namespace hikyaku::store {
namespace {

using std::chrono::hours;
using testing_support::kNow;
using testing_support::OpenedStore;
using Strings = std::vector<std::string>;

/// All that people can see of a store.
std::map<std::string, Strings> seen(const OpenedStore& at) {
  std::map<std::string, Strings> all;
  for (const auto& name : at.names()) {
    all[name] = at.store->find_mailbox(name) ? at.contents(name) : Strings{"not selectable"};
    const auto removed = list_removed(*at.store, name, 1, 100);
    if (!removed) continue;
    for (const auto& one : *removed) all["removed from " + name].push_back(std::to_string(one.uid));
  }
  const auto mailboxes = list_removed_mailboxes(*at.store).value();
  for (const auto& one : mailboxes) all["removed"].push_back(one.removed.name);
  return all;
}

using Action = std::function<bool(OpenedStore&)>;
struct CrashCase {
  const char* name;
  Action action;
};
void PrintTo(const CrashCase& row, std::ostream* out) { *out << row.name; }

bool prepare(OpenedStore& at) {
  return !at.deliver(1, {"u@d", "v@d"}, "one").empty() && !at.deliver(2, {"u@d"}, "large", true).empty() &&
         !at.deliver(3, {"u@d"}, "three").empty() && at.create("u@d/A/B") &&
         at.copy("u@d", {1, 3}, "u@d/A") && at.expunge("u@d", {3}, kNow);
}

class Crash : public testing::TestWithParam<CrashCase> {};

/// Either all of the action happened, or nothing; all of it when it was acknowledged; and afterwards it can
/// be done (again), with the same end as without a crash where that is one change.
TEST_P(Crash, AtAnyStepLeavesAllOfTheChangeOrNothing) {
  OpenedStore calm;
  ASSERT_TRUE(prepare(calm));
  const auto before = seen(calm);
  const auto first = calm.power.steps() + 1;
  ASSERT_TRUE(GetParam().action(calm));
  const auto after = seen(calm);
  const auto last = calm.power.steps();
  ASSERT_NE(before, after);
  ASSERT_EQ(calm.problems(), Strings{});
  for (auto step = first; step <= last; ++step) {
    OpenedStore at(step);
    ASSERT_TRUE(prepare(at));
    const bool acknowledged = GetParam().action(at);
    ASSERT_FALSE(at.power.on());
    at.restart();
    const auto orphans = at.store->orphans().value();
    for (const auto& orphan : orphans) EXPECT_TRUE(at.blob.remove(orphan));
    const auto found = seen(at);
    EXPECT_TRUE(found == after || (found == before && !acknowledged)) << "step " << step;
    EXPECT_EQ(at.problems(), Strings{}) << "step " << step;
    if (found == before) {
      EXPECT_TRUE(GetParam().action(at));
      EXPECT_EQ(seen(at), after) << "again after step " << step;
      EXPECT_EQ(at.problems(), Strings{}) << "again after step " << step;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    , Crash,
    testing::Values(
        CrashCase{"deliver",
                  [](OpenedStore& at) {
                    return !at.deliver(9, {"u@d", "w@d"}, "nine").empty();
                  }},
        CrashCase{"deliver_a_blob",
                  [](OpenedStore& at) { return !at.deliver(9, {"u@d"}, "nine", true).empty(); }},
        CrashCase{"copy",
                  [](OpenedStore& at) {
                    return at.copy("u@d", {1, 2}, "v@d");
                  }},
        CrashCase{"move",
                  [](OpenedStore& at) {
                    return at.move("u@d", {1, 2}, "v@d");
                  }},
        CrashCase{"flag",
                  [](OpenedStore& at) {
                    return at.flag("u@d", {1, 2}, {FlagChange::How::add, {.seen = true}, {}, {}}) &&
                           at.copy("u@d", {1}, "v@d");  // that something can be seen
                  }},
        CrashCase{"expunge",
                  [](OpenedStore& at) {
                    return at.expunge("u@d", {1, 2}, kNow);
                  }},
        CrashCase{"expunge_for_good",
                  [](OpenedStore& at) {
                    return at.expunge("u@d", {1, 2});
                  }},
        CrashCase{"restore", [](OpenedStore& at) { return at.restore("u@d", {3}); }},
        CrashCase{"purge", [](OpenedStore& at) { return at.purge(kNow + hours{1}, 100).has_value(); }},
        CrashCase{"create", [](OpenedStore& at) { return at.create("u@d/X/Y"); }},
        CrashCase{"rename", [](OpenedStore& at) { return at.rename("u@d/A", "u@d/N/A"); }},
        CrashCase{"rename_an_inbox", [](OpenedStore& at) { return at.rename("u@d", "u@d/Old"); }},
        CrashCase{"remove_a_mailbox", [](OpenedStore& at) { return at.remove("v@d"); }},
        CrashCase{"remove_one_with_inferiors", [](OpenedStore& at) { return at.remove("u@d/A"); }}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(CrashOfSeveralChanges, ARestoredMailboxIsBackOnceOrStillRemoved) {
  for (std::size_t step = 1;; ++step) {
    OpenedStore at(step);
    const bool prepared = prepare(at) && at.remove("u@d/A");
    const auto restore_it = [&] {
      const auto removed = list_removed_mailboxes(*at.store);
      if (!removed || removed->empty()) return false;
      return at.make([&](Kv::Batch& batch) {
        return restore_mailbox(*at.store, batch, removed->front().id, "u@d/Back", kNow);
      });
    };
    const bool done = prepared && restore_it();
    if (at.power.on()) break;
    at.restart();
    if (!prepared) continue;
    if (done || at.store->find_mailbox("u@d/Back")) {
      EXPECT_TRUE(list_removed_mailboxes(*at.store).value().empty());
    } else {
      EXPECT_TRUE(restore_it());
    }
    EXPECT_EQ(at.contents("u@d/Back"), (Strings{"1 one", "2 three"}));
    EXPECT_EQ(at.problems(), Strings{});
  }
}

TEST(CrashOfSeveralChanges, APurgeInSmallStepsTakesAllThatIsDueAndNothingElse) {
  for (std::size_t step = 1;; ++step) {
    OpenedStore at(step);
    const auto act = [&] {
      for (std::uint64_t id = 1; id <= 4; ++id) at.deliver(id, {"u@d", "v@d"}, "body", id == 2);
      at.create("u@d/A");
      at.copy("u@d", {1, 2, 3}, "u@d/A");
      at.expunge("u@d", {1, 2, 3}, kNow);
      at.remove("u@d/A", kNow);
      at.purge(kNow + hours{1}, 1);
    };
    act();
    if (at.power.on()) break;
    at.restart();
    const auto orphans = at.store->orphans().value();
    for (const auto& orphan : orphans) EXPECT_TRUE(at.blob.remove(orphan));
    EXPECT_EQ(at.problems(), Strings{}) << step;
    EXPECT_TRUE(at.purge(kNow + hours{1}, 1));
    EXPECT_TRUE(list_removed_mailboxes(*at.store).value().empty());
    EXPECT_TRUE(at.kv.rows(kRemoved).empty());
    EXPECT_EQ(at.problems(), Strings{}) << step;
  }
}

}  // namespace
}  // namespace hikyaku::store
