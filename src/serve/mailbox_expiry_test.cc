#include "serve/mailbox_expiry.h"

#include <gmock/gmock.h>

#include "store/opened_store.h"
#include "table/given_tables.h"

namespace hikyaku::serve {
namespace {

using std::chrono::hours;
using store::Uid;
using store::testing_support::kNow;
using store::testing_support::OpenedStore;
using testing::ElementsAre;
using testing::IsEmpty;
using Strings = std::vector<std::string>;
constexpr hours kDay{24};
const std::string kJoe = "joe@a.example";

struct Mail {
  std::chrono::seconds age{};
  bool seen = false, flagged = false;
};

bool deliver(store::Store& at, Kv& kv, const std::string& mailbox, std::uint64_t id, const Mail& mail) {
  store::Store::Message message;
  message.queue_id = record::QueueId(id);
  message.received = kNow - mail.age;
  const auto body = std::to_string(id);
  message.size = body.size();
  Kv::Batch batch;
  auto delivery = at.deliver(batch, {{mailbox, mailbox, {}}}, message, body);
  if (!delivery || !kv.commit(std::move(batch), Kv::Durability::synced)) return false;
  delivery->committed();
  if (!mail.seen && !mail.flagged) return true;
  batch = {};
  store::FlagChange flags;
  flags.flags = {.seen = mail.seen, .flagged = mail.flagged};
  auto changed = store::change_flags(at, batch, mailbox, delivery->uids(), flags);
  if (!changed || !kv.commit(std::move(batch), Kv::Durability::synced)) return false;
  changed->change.committed();
  return true;
}

std::vector<policy::Removal> removals(std::string_view rule) {
  return policy::RetentionRule::parse(rule).value().removals.value();
}

struct Pass {
  Result<bool> end = true;
  ExpiryPass::Tally tally;
};
Pass look_through(OpenedStore& at, std::string_view rule, bool recoverable = true,
                  ExpiryPass::Mode mode = ExpiryPass::Mode::remove, ExpiryPass::Told told = {}) {
  io::GroupCommitter commits(at.kv);
  ExpiryPass pass({*at.store, commits, at.blob}, kJoe, removals(rule), recoverable, kNow, mode,
                  std::move(told));
  Pass done;
  while (done.end && *done.end) done.end = pass.step();
  done.tally = pass.tally();
  return done;
}

Strings removed(const OpenedStore& at) {
  Strings uids;
  const auto all = store::list_removed(*at.store, kJoe, 1, 1000).value();
  for (const auto& one : all) uids.push_back(std::to_string(one.uid));
  return uids;
}

class ExpiryPassTest : public testing::Test {
 protected:
  void fill(const std::vector<Mail>& mails) {
    for (std::uint64_t id = 1; id <= mails.size(); ++id)
      ASSERT_TRUE(deliver(*at.store, at.kv, kJoe, id, mails[id - 1]));
  }
  OpenedStore at;
};

TEST_F(ExpiryPassTest, WhatIsOldGoesAndCanBeRestored) {
  fill({{40 * kDay}, {1 * kDay}, {40 * kDay, true, true}, {31 * kDay}});
  const auto done = look_through(at, "expire 30d");
  ASSERT_TRUE(done.end);
  EXPECT_EQ(done.tally.messages, 4U);
  EXPECT_EQ(done.tally.expired, 2U);
  EXPECT_EQ(done.tally.octets, 2U);
  EXPECT_EQ(done.tally.next_due, kNow + 29 * kDay);
  EXPECT_THAT(at.contents(kJoe), ElementsAre("2 2", "3 3"));
  EXPECT_THAT(removed(at), ElementsAre("1", "4"));
  // As any EXPUNGE, for those who look at the mailbox.
  EXPECT_THAT(store::changes_since(*at.store, kJoe, 5).value().vanished, ElementsAre(1U, 4U));
  EXPECT_EQ(usage_of(*at.store, kJoe).value(), (store::Usage{2, 2, 1}));
  EXPECT_EQ(at.problems(), Strings{});
  at.restart();
  EXPECT_TRUE(at.restore(kJoe, {1}));
  EXPECT_THAT(at.contents(kJoe), ElementsAre("2 2", "3 3", "5 1"));
}

TEST_F(ExpiryPassTest, WhatWasRestoredIsAsIfItHadComeThen) {
  fill({{40 * kDay}});
  EXPECT_EQ(look_through(at, "expire 30d").tally.expired, 1U);
  EXPECT_TRUE(at.restore(kJoe, {1}));
  const auto again = look_through(at, "expire 30d");
  EXPECT_EQ(again.tally.expired, 0U);
  EXPECT_EQ(again.tally.next_due, kNow + 30 * kDay);
}

TEST_F(ExpiryPassTest, TheNewestAreThoseThatCameIntoTheMailboxLast) {
  fill({{}, {50 * kDay}, {60 * kDay, false, true}, {}, {70 * kDay}});
  const auto done = look_through(at, "most 2");
  EXPECT_EQ(done.tally.expired, 2U);
  EXPECT_THAT(at.contents(kJoe), ElementsAre("3 3", "4 4", "5 5"));
  EXPECT_EQ(look_through(at, "most 3").tally.expired, 0U);
  EXPECT_EQ(look_through(at, "most 1000000").tally.expired, 0U);
}

TEST_F(ExpiryPassTest, WithoutALifetimeItIsGoneForGoodWithItsBody) {
  fill({{40 * kDay}, {}});
  EXPECT_EQ(look_through(at, "expire 30d", false).tally.expired, 1U);
  EXPECT_THAT(removed(at), IsEmpty());
  EXPECT_EQ(at.kv.rows(store::kBody).size(), 1U);
  EXPECT_EQ(at.problems(), Strings{});
}

TEST_F(ExpiryPassTest, TellingRemovesNothing) {
  fill({{40 * kDay}, {1 * kDay}, {40 * kDay, false, true}});
  Strings told;
  const auto done = look_through(
      at, "expire 30d", true, ExpiryPass::Mode::tell,
      [&](const store::Store::Item& item, const policy::RetentionFacts& facts, const policy::Removal* by) {
        told.push_back(std::to_string(item.uid) + " " +
                       (by != nullptr ? by->text : policy::why_kept(removals("expire 30d"), facts, kNow)));
      });
  EXPECT_EQ(done.tally.expired, 1U);
  EXPECT_THAT(told,
              ElementsAre("1 expire 30d",
                          "2 expire 30d: came 2026-11-23T23:48:20Z, too young until 2026-12-23T23:48:20Z",
                          "3 expire 30d: is flagged"));
  EXPECT_EQ(at.contents(kJoe).size(), 3U);
  EXPECT_THAT(removed(at), IsEmpty());
}

TEST_F(ExpiryPassTest, WhatCantBeReadStays) {
  fill({{40 * kDay}, {40 * kDay}});
  at.kv.rows(store::kMessage).begin()->second.back() ^= 1;
  const auto done = look_through(at, "expire 30d");
  ASSERT_TRUE(done.end);
  EXPECT_EQ(done.tally.damaged, 1U);
  EXPECT_EQ(done.tally.expired, 1U);
  EXPECT_EQ(at.kv.rows(store::kMessage).size(), 1U);
}

TEST_F(ExpiryPassTest, WithoutTheMailboxItEnds) {
  const auto done = look_through(at, "expire 30d");
  ASSERT_FALSE(done.end);
  EXPECT_EQ(done.end.error().fault, Fault::not_found);
}

/// The power fails at each step of a pass that needs several commits: what stays is all there, what goes is
/// in the mailbox or among what can be restored, once; and the next pass ends what was begun.
TEST(ExpiryCrash, AtAnyWriteNothingIsLostThatStaysAndNothingIsRemovedTwice) {
  constexpr std::uint64_t kMails = 650;
  const auto kept = [](std::uint64_t id) { return id % 7 == 3; };
  for (const bool recoverable : {true, false}) {
    for (std::size_t step = 0, last = 1, first = 0; step <= last - first; ++step) {
      OpenedStore at;
      for (std::uint64_t id = 1; id <= kMails; ++id)
        ASSERT_TRUE(deliver(*at.store, at.kv, kJoe, id, {kept(id) ? kDay : 40 * kDay}));
      // The first round counts the steps, each of the others ends at one of them.
      if (step == 0) first = at.power.steps();
      if (step > 0) at.power = hikyaku::testing_support::Power(step);
      const auto done = look_through(at, "expire 30d", recoverable);
      if (step == 0) {
        ASSERT_TRUE(done.end);
        last = at.power.steps();
        EXPECT_GT(last - first, 5U);
        continue;
      }
      SCOPED_TRACE("step " + std::to_string(step));
      EXPECT_FALSE(done.end);
      at.restart();
      for (int again = 0; again < 2; ++again) {
        std::set<std::string> here, gone;
        for (const auto& line : at.contents(kJoe)) here.insert(line.substr(0, line.find(' ')));
        for (const auto& uid : removed(at)) gone.insert(uid);
        std::size_t left = 0;
        for (std::uint64_t id = 1; id <= kMails; ++id) {
          const auto uid = std::to_string(id);
          EXPECT_TRUE(!kept(id) || here.contains(uid)) << uid;
          EXPECT_FALSE(here.contains(uid) && gone.contains(uid)) << uid;
          if (recoverable) EXPECT_TRUE(here.contains(uid) || gone.contains(uid)) << uid;
          left += here.contains(uid) && !kept(id);
        }
        EXPECT_GE(kMails - 93 - left, done.tally.expired);  // all that it said was done
        EXPECT_EQ(at.problems(), Strings{});
        if (again == 0) {
          const auto rest = look_through(at, "expire 30d", recoverable);
          EXPECT_TRUE(rest.end);
          EXPECT_EQ(rest.tally.expired, left);
        } else {
          EXPECT_EQ(left, 0U);
        }
      }
    }
  }
}

// ---- When a mailbox is looked through

struct LookCase {
  const char* name;
  LookedThrough last;
  const char* rule;
  bool changed;
  std::optional<std::chrono::seconds> next;  ///< from kNow on
};
void PrintTo(const LookCase& row, std::ostream* out) { *out << row.name; }
class NextLook : public testing::TestWithParam<LookCase> {};

TEST_P(NextLook, IsAt) {
  const auto& row = GetParam();
  const auto next = next_look(row.last, removals(row.rule), row.changed);
  EXPECT_EQ(next, row.next ? kNow + *row.next : Time::max());
}

INSTANTIATE_TEST_SUITE_P(
    , NextLook,
    testing::Values(
        LookCase{"never_when_nothing_can_fall_due", {kNow, {}, 10}, "most 20", false, {}},
        LookCase{"when_the_first_falls_due", {kNow, kNow + 3 * kDay, 10}, "expire 30d", false, 3 * kDay},
        LookCase{"within_a_day_of_a_change", {kNow, kNow + 3 * kDay, 10}, "expire 30d", true, kDay},
        LookCase{"sooner_when_what_came_falls_due_sooner", {kNow, {}, 10}, "expire 5h", true, hours{5}},
        LookCase{"at_once_when_there_may_be_too_many", {kNow, {}, 10}, "expire 30d, most 20", true, hours{0}},
        LookCase{
            "once_a_day_of_a_large_one", {kNow, kNow + hours{1}, 10'001}, "expire 30d, most 20", true, kDay}),
    [](const auto& row) { return std::string(row.param.name); });

/// Tells how many reads of messages there were.
class CountingKv final : public Kv {
 public:
  explicit CountingKv(Kv& kv) : kv_(kv) {}
  std::size_t scans() { return std::exchange(scans_, 0); }
  Result<std::optional<std::string>> get(Space space, std::string_view key) const override {
    return kv_.get(space, key);
  }
  Result<std::vector<std::optional<std::string>>> multi_get(
      Space space, const std::vector<std::string>& keys) const override {
    return kv_.multi_get(space, keys);
  }
  Result<std::vector<Row>> scan(Space space, std::string_view from, std::string_view to,
                                std::size_t limit) const override {
    scans_ += space == store::kMessage && limit > 1;
    return kv_.scan(space, from, to, limit);
  }
  Result<void> commit(Batch batch, Durability durability) override {
    return kv_.commit(std::move(batch), durability);
  }

 private:
  Kv& kv_;
  mutable std::size_t scans_ = 0;
};

class MailboxExpiryTest : public testing::Test {
 protected:
  void SetUp() override { store_ = store::Store::open(kv_, at_.blob).value(); }
  void use(const std::string& rules) {
    table::GivenTables tables;
    tables.give("/rules", rules);
    rules_.maps = std::make_shared<policy::RetentionMaps>(
        table::Maps::open({{"hash:/rules", {}}}, tables).value(), nullptr);
    rules_.removed_lifetime = 14 * kDay;
  }
  void put(const std::string& mailbox, const Mail& mail) {
    ASSERT_TRUE(deliver(*store_, kv_, mailbox, ++last_, mail));
  }
  /// To the end; what was logged.
  Strings run(Time now) {
    logged_.clear();
    while (expiry_->run(rules_, now, [] { return false; })) ++pauses_;
    return logged_;
  }
  OpenedStore at_;
  CountingKv kv_{at_.kv};
  std::unique_ptr<store::Store> store_;
  io::GroupCommitter commits_{kv_};
  Strings logged_;
  MailboxRules rules_;
  std::uint64_t last_ = 0;
  int pauses_ = 0;
  std::string taken_;  // by a session
  std::optional<MailboxExpiry> expiry_;
  void begin() {
    const auto log = [this](const std::string& text) { logged_.push_back(text); };
    expiry_.emplace(ExpiryPass::Database{*store_, commits_, at_.blob},
                    MailboxExpiry::Surroundings{
                        log, log, [this](const std::string& mailbox) { return taken_ == mailbox; }});
  }
};

TEST_F(MailboxExpiryTest, EachMailboxGoesByItsOwnRule) {
  for (const auto* name : {"joe@a.example", "joe@a.example/Keep", "joe@a.example/Trash", "ann@b.example"})
    put(name, {40 * kDay});
  use("@a.example expire 30d\n/Trash expire 1d\njoe@a.example/Keep expire never\n");
  begin();
  EXPECT_THAT(run(kNow), ElementsAre("mailbox joe@a.example: 1 of 1 messages expired, 1 octets",
                                     "mailbox joe@a.example/Trash: 1 of 1 messages expired, 1 octets"));
  EXPECT_EQ(store_->summary("joe@a.example/Keep").value().messages, 1U);
  EXPECT_EQ(store_->summary("ann@b.example").value().messages, 1U);
}

TEST_F(MailboxExpiryTest, AMailboxThatNobodyChangesIsReadOnlyWhenSomethingFallsDue) {
  put(kJoe, {20 * kDay});
  use("* expire 30d\n");
  begin();
  EXPECT_THAT(run(kNow), IsEmpty());
  EXPECT_GT(kv_.scans(), 0U);
  EXPECT_THAT(run(kNow + 9 * kDay), IsEmpty());
  EXPECT_EQ(kv_.scans(), 0U);
  EXPECT_EQ(run(kNow + 10 * kDay).size(), 1U);
  EXPECT_GT(kv_.scans(), 0U);
  // Its own removal was a change: it looks once more, and then not.
  EXPECT_THAT(run(kNow + 12 * kDay), IsEmpty());
  EXPECT_GT(kv_.scans(), 0U);
  EXPECT_THAT(run(kNow + 500 * kDay), IsEmpty());
  EXPECT_EQ(kv_.scans(), 0U);
}

TEST_F(MailboxExpiryTest, AMailboxThatASessionHasForItselfIsLeftForTheNextTime) {
  put(kJoe, {40 * kDay});
  use("* expire 30d\n");
  begin();
  taken_ = kJoe;
  EXPECT_THAT(run(kNow), IsEmpty());
  taken_.clear();
  EXPECT_EQ(run(kNow).size(), 1U);
}

TEST_F(MailboxExpiryTest, AnotherRuleLooksAgainAtOnce) {
  put(kJoe, {20 * kDay});
  use("* expire 30d\n");
  begin();
  EXPECT_THAT(run(kNow), IsEmpty());
  use("* expire 10d\n");
  EXPECT_EQ(run(kNow).size(), 1U);
}

TEST_F(MailboxExpiryTest, ABadRuleRemovesNothingAndIsToldOnce) {
  put(kJoe, {400 * kDay});
  put(kJoe + "/A", {400 * kDay});
  put("ann@b.example", {400 * kDay});
  use("@a.example expire soon\n* expire 1d\n");
  begin();
  EXPECT_THAT(run(kNow),
              ElementsAre("mailbox ann@b.example: 1 of 1 messages expired, 1 octets",
                          testing::HasSubstr("mailbox joe@a.example: nothing is expired: line 1: the "
                                             "value of @a.example: \"expire soon\"")));
  EXPECT_EQ(store_->summary(kJoe).value().messages, 1U);
}

TEST_F(MailboxExpiryTest, ALargeMailboxIsLookedThroughInPieces) {
  for (int i = 0; i < 2500; ++i) put(kJoe, {40 * kDay});
  use("* expire 30d\n");
  begin();
  int asked = 0;
  // Told to stop after each step, as when the hub ends: the next run goes on.
  while (expiry_->run(rules_, kNow, [&] { return ++asked % 3 == 0; })) ++pauses_;
  EXPECT_GT(pauses_, 2);
  EXPECT_THAT(logged_, ElementsAre("mailbox joe@a.example: 2500 of 2500 messages expired, 8893 octets"));
}

TEST_F(MailboxExpiryTest, ARuleThatChangesInTheMiddleOfAMailboxCountsFromThere) {
  put("ann@a.example", {40 * kDay});
  for (int i = 0; i < 2500; ++i) put(kJoe, {40 * kDay});
  use("joe@a.example expire 30d\n");
  begin();
  int asked = 0;
  EXPECT_TRUE(expiry_->run(rules_, kNow, [&] { return ++asked > 5; }));
  const auto left = store_->summary(kJoe).value().messages;
  EXPECT_LT(left, 2500U);
  EXPECT_GT(left, 0U);
  // And for those that were done with before.
  use("joe@a.example expire never\nann@a.example expire 1d\n");
  EXPECT_THAT(run(kNow), ElementsAre("mailbox ann@a.example: 1 of 1 messages expired, 1 octets"));
  EXPECT_EQ(store_->summary(kJoe).value().messages, left);
}

TEST(MailboxRulesTest, AHoldKeepsWhatIsRemovedThoughNothingElseDoes) {
  table::GivenTables tables;
  tables.give("/rules", "law@a.example hold\n@a.example retain 30d\n@bad.example forever\n");
  MailboxRules rules{std::make_shared<policy::RetentionMaps>(
                         table::Maps::open({{"hash:/rules", {}}}, tables).value(), nullptr),
                     std::chrono::seconds{0}};
  EXPECT_TRUE(rules.keeps_removed("law@a.example/Sent"));
  EXPECT_TRUE(rules.keeps_removed("joe@a.example"));
  EXPECT_TRUE(rules.keeps_removed("joe@bad.example"));
  EXPECT_FALSE(rules.keeps_removed("joe@b.example"));
  Strings told;
  const auto limits = rules.purge_limits(
      hours{1}, kNow, [&](std::string_view mailbox, const Error&) { told.emplace_back(mailbox); });
  EXPECT_EQ(limits("law@a.example"), std::nullopt);
  EXPECT_EQ(limits("joe@a.example/Sent"), kNow - 30 * kDay);
  EXPECT_EQ(limits("joe@b.example"), kNow - hours{1});
  EXPECT_EQ(limits("joe@bad.example"), std::nullopt);
  EXPECT_THAT(told, ElementsAre("joe@bad.example"));
}

}  // namespace
}  // namespace hikyaku::serve
