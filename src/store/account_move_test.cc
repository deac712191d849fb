// An account goes to another database: all of it, once, whatever step the power goes off at.
#include "store/account_move.h"

#include <gtest/gtest.h>

#include <set>

#include "store/opened_store.h"

namespace hikyaku::store {
namespace {

using hikyaku::testing_support::Power;
using std::chrono::hours;
using testing_support::kNow;
using testing_support::OpenedStore;
using Strings = std::vector<std::string>;

constexpr std::chrono::milliseconds kPatience{0};

/// Two databases of one machine, and what stands for the catalogue: which of them has u@d. It is a file that
/// is synced and put in place: done, or not done, also when the answer never comes.
struct Machine {
  explicit Machine(std::size_t fails_at = 0) : power(fails_at) {}

  OpenedStore& with_account() { return moved ? two : one; }
  MoveEnd end(OpenedStore& at) {
    return {&at == &one ? "one" : "two", *at.store, at.blob,
            [&at](Kv::Batch batch) { return at.kv.commit(std::move(batch), Kv::Durability::synced); }};
  }
  bool assign() {
    if (!power.step()) return false;
    moved = true;
    return power.step();
  }
  /// Acknowledged.
  bool move() {
    auto from = end(one), to = end(two);
    AccountMove move(from, to, "u@d", [](std::uint64_t, std::uint64_t) {});
    if (!move.begin(kPatience)) return false;
    if (!move.copy(kNow)) return false;
    return assign() && move.take_over();
  }
  bool settle_all() {
    for (auto* at : {&one, &two}) {
      auto here = end(*at);
      const auto items = moved_accounts(at->kv);
      if (!items) return false;
      for (const auto& item : *items) {
        if (!settle(here, item.account)) return false;
      }
    }
    return true;
  }
  void restart() {
    power.restart();
    for (auto* at : {&one, &two}) {
      at->restart();
      const auto orphans = at->store->orphans().value();
      for (const auto& orphan : orphans) ASSERT_TRUE(at->blob.remove(orphan));
    }
  }

  Power power;
  bool moved = false;
  OpenedStore one{power, [this](std::string_view account) { return account != "u@d" || !moved; }};
  OpenedStore two{power, [this](std::string_view account) { return account != "u@d" || moved; }};
};

/// Everything that a store tells of an account; not what it is numbered inside.
Strings told(const OpenedStore& at, std::string_view account) {
  Strings all;
  const auto mailboxes = at.store->list_mailboxes().value();
  for (const auto& box : mailboxes) {
    if (account_of(box.name) != account) continue;
    all.push_back(box.name + " " + std::to_string(box.uid_validity) + " next " +
                  std::to_string(box.next_uid) + " modseq " + std::to_string(box.highest_modseq) +
                  (box.selectable ? "" : " \\Noselect"));
    if (!box.selectable) continue;
    const auto counts = at.store->counts(box.name).value();
    all.push_back("  " + std::to_string(counts.messages) + " messages, " + std::to_string(counts.unseen) +
                  " unseen, " + std::to_string(counts.octets) + " octets");
    const auto listing = at.store->scan(box.name, 1, 1000).value();
    const auto kept = envelopes(*at.store, listing.items).value();
    for (std::size_t i = 0; i < listing.items.size(); ++i) {
      const auto& [uid, message] = listing.items[i];
      std::string line = "  " + std::to_string(uid) + " " + std::to_string(message.modseq) + " " +
                         message.queue_id.text() + (message.flags.seen ? " seen" : "");
      for (const auto& word : message.keywords.words()) line += " " + word;
      all.push_back(line + (kept[i] ? " envelope" : ""));
    }
    for (const auto& text : at.contents(box.name)) all.push_back("  " + text);
    const auto since = changes_since(*at.store, box.name, 1).value();
    std::string vanished = since.vanished_known ? "  vanished" : "  vanished, from some time on";
    for (const auto uid : since.vanished) vanished += " " + std::to_string(uid);
    all.push_back(vanished);
    const auto removed = list_removed(*at.store, box.name, 1, 100).value();
    for (const auto& one : removed) all.push_back("  removed " + std::to_string(one.uid));
  }
  const auto removed = list_removed_mailboxes(*at.store).value();
  for (const auto& one : removed) {
    if (account_of(one.removed.name) == account) all.push_back("removed " + one.removed.name);
  }
  const auto quota = quota_of(*at.store, account).value();
  const auto usage = usage_of(*at.store, account).value();
  all.push_back(std::to_string(usage.octets) + " octets of " + std::to_string(quota.octets) + ", " +
                std::to_string(usage.messages) + " messages");
  const auto names = subscriptions(*at.store, account).value();
  for (const auto& name : names) all.push_back("subscribed " + name);
  return all;
}

/// u@d with some of everything, which shares bodies with v@d.
bool prepare(OpenedStore& at) {
  const bool done = !at.deliver(1, {"u@d", "v@d"}, "shared with another").empty() &&
                    !at.deliver(2, {"u@d", "v@d"}, "large and shared", true).empty() &&
                    !at.deliver(3, {"u@d"}, "removed").empty() &&
                    !at.deliver(4, {"u@d"}, "large", true).empty() &&
                    !at.deliver(5, {"u@d"}, "gone for good").empty() && at.create("u@d/A/B") &&
                    at.create("u@d/Gone") && at.copy("u@d", {1, 2, 4}, "u@d/A/B") &&
                    at.copy("u@d", {1, 3}, "u@d/Gone") && at.copy("u@d", {2}, "u@d/Gone") &&
                    at.flag("u@d", {2}, {FlagChange::How::add, {.seen = true}, {}, {}}) &&
                    at.expunge("u@d", {3}, kNow) && at.expunge("u@d", {5}) && at.remove("u@d/Gone") &&
                    at.create("u@d/C/D") && at.remove("u@d/C") && at.create("v@d/A");
  return done && at.make([&](Kv::Batch& batch) {
    return set_quota(*at.store, batch, "u@d", Quota{5000, 0});
  }) && at.make([&](Kv::Batch& batch) { return subscribe(*at.store, batch, "u@d/A/B"); });
}

/// No row is left that belongs to the account, nor a mark.
void expect_nothing_left(OpenedStore& at) {
  for (const auto& [name, value] : at.kv.rows(kMailbox)) EXPECT_NE(account_of(name), "u@d");
  for (const auto& [key, value] : at.kv.rows(kAccount)) EXPECT_FALSE(key.starts_with(account_prefix("u@d")));
  for (const auto& [key, value] : at.kv.rows(kMeta)) EXPECT_FALSE(key.starts_with("moved")) << key;
  for (const auto& [key, value] : at.kv.rows(kDelivery)) EXPECT_FALSE(key.ends_with("u@d"));
}

TEST(AccountMove, BringsAllThatAnAccountHasAndLeavesNothing) {
  Machine at;
  ASSERT_TRUE(prepare(at.one));
  ASSERT_EQ(at.two.deliver(1, {"w@d"}, "a mail with the same id").size(), 1U);
  const auto before = told(at.one, "u@d");
  const auto other = told(at.one, "v@d");
  ASSERT_TRUE(at.move());
  EXPECT_EQ(told(at.two, "u@d"), before);
  EXPECT_EQ(told(at.one, "v@d"), other);
  EXPECT_EQ(at.one.names(), (Strings{"v@d", "v@d/A"}));
  EXPECT_EQ(at.one.problems(), Strings{});
  EXPECT_EQ(at.two.problems(), Strings{});
  expect_nothing_left(at.one);
  for (const auto& [key, value] : at.two.kv.rows(kMeta)) EXPECT_FALSE(key.starts_with("moved")) << key;
  at.restart();
  EXPECT_EQ(told(at.two, "u@d"), before);
}

TEST(AccountMove, ABodyOfSeveralMessagesOfTheAccountStaysOne) {
  Machine at;
  ASSERT_TRUE(prepare(at.one));
  ASSERT_TRUE(at.move());
  EXPECT_EQ(at.two.blob.names().value().size(), 2U) << "two large bodies, of six messages and removed ones";
  EXPECT_EQ(at.two.kv.rows(kBody).size(), 2U) << "the shared one and the removed one";
}

TEST(AccountMove, ADeliveryThatComesAgainIsStillRecognised) {
  Machine at;
  ASSERT_TRUE(prepare(at.one));
  ASSERT_TRUE(at.move());
  for (const std::uint64_t id : {1, 3, 5}) {
    const auto again = at.two.deliver(id, {"u@d"}, "again");
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].kind, Store::Outcome::Kind::had_already) << id;
  }
}

TEST(AccountMove, NewMailGoesOnBehindTheLastUidAndModseq) {
  Machine at;
  ASSERT_TRUE(prepare(at.one));
  const auto was = at.one.store->find_mailbox("u@d").value();
  ASSERT_TRUE(at.move());
  EXPECT_TRUE(at.one.deliver(9, {"u@d"}, "nine").empty()) << "the account is not there any more";
  const auto fresh = at.two.deliver(9, {"u@d"}, "nine");
  ASSERT_EQ(fresh.size(), 1U);
  EXPECT_EQ(fresh[0].uid, was.next_uid);
  EXPECT_EQ(at.two.store->find_mailbox("u@d")->highest_modseq, was.highest_modseq + 1);
  const auto removed = list_removed_mailboxes(*at.two.store).value();
  ASSERT_FALSE(removed.empty());
  EXPECT_TRUE(at.two.make([&](Kv::Batch& batch) {
    return restore_mailbox(*at.two.store, batch, removed.front().id, "u@d/Back", kNow);
  }));
  EXPECT_TRUE(at.two.restore("u@d", {3}));
  EXPECT_TRUE(at.two.purge(kNow + hours{1}, 100));
  EXPECT_EQ(at.two.problems(), Strings{});
}

TEST(AccountMove, MeanwhileTheAccountIsClosedAndOthersAreNot) {
  Machine at;
  ASSERT_TRUE(prepare(at.one));
  auto from = at.end(at.one), to = at.end(at.two);
  {
    AccountMove move(from, to, "u@d", [](std::uint64_t, std::uint64_t) {});
    ASSERT_TRUE(move.begin(kPatience));
    EXPECT_TRUE(at.one.deliver(9, {"u@d"}, "nine").empty());
    EXPECT_FALSE(at.one.create("u@d/X"));
    EXPECT_FALSE(at.one.rename("u@d/A", "u@d/X"));
    EXPECT_FALSE(at.one.remove("u@d/A/B"));
    EXPECT_FALSE(at.one.expunge("u@d", {1}, kNow));
    EXPECT_FALSE(
        at.one.make([&](Kv::Batch& batch) { return set_quota(*at.one.store, batch, "u@d", Quota{}); }));
    EXPECT_FALSE(at.one.make([&](Kv::Batch& batch) { return subscribe(*at.one.store, batch, "u@d"); }));
    EXPECT_EQ(at.one.contents("u@d").size(), 3U) << "who reads goes on";
    EXPECT_EQ(at.one.deliver(9, {"v@d"}, "nine").size(), 1U);
  }
  EXPECT_EQ(at.one.deliver(10, {"u@d"}, "ten").size(), 1U) << "given up, it is open again";
}

TEST(AccountMove, WaitsForAChangeThatHadBegun) {
  Machine at;
  ASSERT_TRUE(prepare(at.one));
  auto from = at.end(at.one), to = at.end(at.two);
  Kv::Batch batch;
  auto change = create_mailbox(*at.one.store, batch, "u@d/X", kNow);
  ASSERT_TRUE(change);
  {
    AccountMove move(from, to, "u@d", [](std::uint64_t, std::uint64_t) {});
    const auto begun = move.begin(kPatience);
    ASSERT_FALSE(begun);
    EXPECT_EQ(begun.error().fault, Fault::temporary);
  }
  ASSERT_TRUE(at.one.commit(std::move(batch), *change));
  EXPECT_TRUE(at.move());
  EXPECT_TRUE(at.two.store->find_mailbox("u@d/X"));
}

TEST(AccountMove, AnAccountWithoutMailIsOnlyAssigned) {
  Machine at;
  ASSERT_EQ(at.one.deliver(1, {"v@d"}, "one").size(), 1U);
  ASSERT_TRUE(at.move());
  EXPECT_EQ(at.two.names(), Strings{});
  EXPECT_EQ(at.two.deliver(2, {"u@d"}, "two").size(), 1U);
}

TEST(AccountMove, ADamagedMessageStopsItAndNothingIsChanged) {
  Machine at;
  ASSERT_TRUE(prepare(at.one));
  const auto before = told(at.one, "u@d");
  auto& bodies = at.one.kv.rows(kBody);
  const auto kept = bodies;
  bodies.clear();
  auto from = at.end(at.one), to = at.end(at.two);
  {
    AccountMove move(from, to, "u@d", [](std::uint64_t, std::uint64_t) {});
    ASSERT_TRUE(move.begin(kPatience));
    const auto copied = move.copy(kNow);
    ASSERT_FALSE(copied);
    EXPECT_EQ(copied.error().fault, Fault::corrupt);
    EXPECT_TRUE(copied.error().text.starts_with("message 1 of mailbox 'u@d'")) << copied.error().text;
    EXPECT_TRUE(move.give_up());
  }
  bodies = kept;
  EXPECT_EQ(told(at.one, "u@d"), before);
  EXPECT_EQ(at.two.names(), Strings{});
  EXPECT_EQ(at.two.problems(), Strings{});
}

TEST(AccountMove, MailboxesThatNoMoveBroughtAreNotMixedWithIt) {
  Machine at;
  at.moved = true;
  ASSERT_TRUE(prepare(at.two));  // as a restored backup would
  at.moved = false;
  ASSERT_TRUE(at.two.open());
  ASSERT_TRUE(prepare(at.one));
  EXPECT_EQ(at.two.names(), (Strings{"v@d", "v@d/A"})) << "not shown";
  EXPECT_FALSE(at.move());
  EXPECT_FALSE(at.moved);
}

TEST(AccountMove, ThereAndBackIsAsBefore) {
  Machine at;
  ASSERT_TRUE(prepare(at.one));
  const auto before = told(at.one, "u@d");
  ASSERT_TRUE(at.move());
  auto from = at.end(at.two), to = at.end(at.one);
  {
    AccountMove move(from, to, "u@d", [](std::uint64_t, std::uint64_t) {});
    ASSERT_TRUE(move.begin(kPatience));
    ASSERT_TRUE(move.copy(kNow));
    at.moved = false;
    ASSERT_TRUE(move.take_over());
  }
  EXPECT_EQ(told(at.one, "u@d"), before);
  expect_nothing_left(at.two);
  EXPECT_EQ(at.one.problems(), Strings{});
  EXPECT_EQ(at.two.problems(), Strings{});
}

/// The whole point: at each write and each sync.
TEST(AccountMoveCrash, AtAnyStepTheAccountIsWholeInOneDatabaseAndTheMoveCanBeEnded) {
  Machine calm;
  ASSERT_TRUE(prepare(calm.one));
  const auto expected = told(calm.one, "u@d");
  const auto other = told(calm.one, "v@d");
  const auto first = calm.power.steps() + 1;
  ASSERT_TRUE(calm.move());
  const auto last = calm.power.steps();
  ASSERT_GT(last, first + 20);
  std::set<bool> ends;
  for (auto step = first; step <= last; ++step) {
    SCOPED_TRACE(step);
    Machine at(step);
    ASSERT_TRUE(prepare(at.one));
    const bool acknowledged = at.move();
    ASSERT_FALSE(at.power.on());
    at.restart();
    EXPECT_TRUE(at.moved || !acknowledged);
    ends.insert(at.moved);
    EXPECT_EQ(told(at.with_account(), "u@d"), expected) << "before anything is cleaned";
    auto& elsewhere = at.moved ? at.one : at.two;
    for (const auto& name : elsewhere.names()) EXPECT_NE(account_of(name), "u@d");
    ASSERT_TRUE(at.settle_all());
    EXPECT_EQ(told(at.with_account(), "u@d"), expected);
    EXPECT_EQ(told(at.one, "v@d"), other);
    expect_nothing_left(elsewhere);
    EXPECT_EQ(at.one.problems(), Strings{});
    EXPECT_EQ(at.two.problems(), Strings{});
    if (at.moved) continue;
    ASSERT_TRUE(at.move()) << "again";
    EXPECT_EQ(told(at.two, "u@d"), expected);
    expect_nothing_left(at.one);
    EXPECT_EQ(at.one.problems(), Strings{});
    EXPECT_EQ(at.two.problems(), Strings{});
  }
  EXPECT_EQ(ends.size(), 2U) << "before and behind the moment when its place changes";
}

TEST(AccountMoveCrash, AtAnyStepOfCleaningUpItCanBeCleanedUpAgain) {
  Machine calm;
  ASSERT_TRUE(prepare(calm.one));
  const auto expected = told(calm.one, "u@d");
  const auto first = calm.power.steps() + 1;
  ASSERT_TRUE(calm.move());
  const auto last = calm.power.steps();
  for (auto step = first; step <= last; step += 3) {
    for (std::size_t more = 1;; ++more) {
      SCOPED_TRACE(std::to_string(step) + " and " + std::to_string(more));
      Machine at(step);
      ASSERT_TRUE(prepare(at.one));
      at.move();
      at.restart();
      at.power = Power(more);
      const bool settled = at.settle_all();
      const bool whole = at.power.on();
      at.restart();
      EXPECT_EQ(told(at.with_account(), "u@d"), expected);
      ASSERT_TRUE(at.settle_all());
      EXPECT_EQ(told(at.with_account(), "u@d"), expected);
      expect_nothing_left(at.moved ? at.one : at.two);
      EXPECT_EQ(at.one.problems(), Strings{});
      EXPECT_EQ(at.two.problems(), Strings{});
      if (whole) {
        EXPECT_TRUE(settled);
        break;
      }
    }
  }
}

}  // namespace
}  // namespace hikyaku::store
