#include <gtest/gtest.h>

#include "store/opened_store.h"

namespace hikyaku::store {
namespace {

using std::chrono::hours;
using testing_support::kNow;
using testing_support::OpenedStore;
using Strings = std::vector<std::string>;
using Uids = std::vector<Uid>;
using Kind = Store::Outcome::Kind;

constexpr const char* kInbox = "u@d.example";
constexpr const char* kOld = "u@d.example/Old";

class Mailboxes : public testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(at.problems(), Strings{}); }
  Store::Mailbox box(std::string_view name) const { return at.store->find_mailbox(name).value(); }
  OpenedStore at;
};

// ---- Names

struct NameCase {
  const char* name;
  std::string text;
  bool good;
};
void PrintTo(const NameCase& row, std::ostream* out) { *out << row.name; }
class MailboxNames : public testing::TestWithParam<NameCase> {};
TEST_P(MailboxNames, AreCheckedWhenPeopleMakeThem) {
  EXPECT_EQ(check_mailbox_name(GetParam().text).has_value(), GetParam().good);
}
std::string deep(int parts) {
  std::string name = "u@d";
  for (int i = 1; i < parts; ++i) name += "/p";
  return name;
}
INSTANTIATE_TEST_SUITE_P(
    , MailboxNames,
    testing::Values(NameCase{"an_account", "u@d", true}, NameCase{"a_local_account", "joe", true},
                    NameCase{"a_folder", "u@d/Archive/2026", true},
                    NameCase{"utf8", "u@d/Entw\xc3\xbcrfe", true},
                    NameCase{"a_folder_with_an_at", "u@d/a@b", true}, NameCase{"empty", "", false},
                    NameCase{"an_empty_part", "u@d//a", false},
                    NameCase{"an_empty_last_part", "u@d/a/", false}, NameCase{"dots", "u@d/../x", false},
                    NameCase{"no_user", "@d/a", false}, NameCase{"a_slash_first", "/a", false},
                    NameCase{"a_control_character", "u@d/a\tb", false},
                    NameCase{"nul", std::string("u@d/a\0", 6), false}, NameCase{"del", "u@d/\x7f", false},
                    NameCase{"a_c1_control", "u@d/\xc2\x85", false}, NameCase{"not_utf8", "u@d/\xff", false},
                    NameCase{"of_1000_octets", "u@d/" + std::string(996, 'a'), true},
                    NameCase{"of_1001_octets", "u@d/" + std::string(997, 'a'), false},
                    NameCase{"of_32_parts", deep(32), true}, NameCase{"of_33_parts", deep(33), false}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(MailboxNameParts, TellTheirAccountAndWhatIsAboveThem) {
  EXPECT_EQ(account_of("u@d/A/B"), "u@d");
  EXPECT_EQ(account_of("a/b@d/A"), "a/b@d");
  EXPECT_EQ(account_of("joe/A"), "joe");
  EXPECT_EQ(superior_of("u@d/A/B"), "u@d/A");
  EXPECT_EQ(superior_of("a/b@d"), std::nullopt);
  EXPECT_TRUE(is_inferior("u@d/A/B", "u@d/A"));
  EXPECT_FALSE(is_inferior("u@d/AB", "u@d/A"));
  EXPECT_FALSE(is_inferior("joe/x@y", "joe"));
}

// ---- Hierarchy

TEST_F(Mailboxes, AFolderIsMadeWithAllAboveIt) {
  EXPECT_TRUE(at.create("u@d.example/A/B"));
  EXPECT_EQ(at.names(), (Strings{kInbox, "u@d.example/A", "u@d.example/A/B"}));
  EXPECT_FALSE(at.create("u@d.example/A"));
  at.restart();
  EXPECT_EQ(at.names(), (Strings{kInbox, "u@d.example/A", "u@d.example/A/B"}));
}

TEST_F(Mailboxes, ARenamedOneTakesItsInferiorsAndKeepsUidsAndUidvalidity) {
  at.create("u@d.example/A/B");
  at.create("u@d.example/AB");
  at.deliver(1, {kInbox}, "one");
  at.move(kInbox, {1}, "u@d.example/A/B");
  const auto before = box("u@d.example/A/B");
  EXPECT_TRUE(at.rename("u@d.example/A", "u@d.example/X/Y"));
  at.restart();
  EXPECT_EQ(at.names(),
            (Strings{kInbox, "u@d.example/AB", "u@d.example/X", "u@d.example/X/Y", "u@d.example/X/Y/B"}));
  EXPECT_EQ(box("u@d.example/X/Y/B").uid_validity, before.uid_validity);
  EXPECT_EQ(at.contents("u@d.example/X/Y/B"), Strings{"1 one"});
  EXPECT_FALSE(at.rename("u@d.example/X", "u@d.example/X/Z"));
  EXPECT_FALSE(at.rename("u@d.example/X", "u@d.example/AB"));
  EXPECT_FALSE(at.rename("u@d.example/X", "v@d.example/X"));
  EXPECT_FALSE(at.rename("u@d.example/X", "u@d.example/a\tb"));
  EXPECT_FALSE(at.rename("u@d.example/nothing", "u@d.example/Z"));
}

TEST_F(Mailboxes, ARenamedInboxStaysEmptyAndKeepsItsInferiors) {
  at.deliver(1, {kInbox}, "one");
  at.create("u@d.example/A");
  const auto before = box(kInbox);
  EXPECT_TRUE(at.rename(kInbox, kOld));
  EXPECT_EQ(at.contents(kInbox), Strings{});
  EXPECT_EQ(at.contents(kOld), Strings{"1 one"});
  EXPECT_EQ(box(kOld).uid_validity, before.uid_validity);
  EXPECT_GT(box(kInbox).uid_validity, before.uid_validity);
  at.deliver(2, {kInbox}, "two");
  at.restart();
  EXPECT_EQ(at.names(), (Strings{kInbox, "u@d.example/A", kOld}));
  EXPECT_EQ(at.contents(kInbox), Strings{"1 two"});
  EXPECT_EQ(usage_of(*at.store, kInbox).value(), (Usage{6, 2, 2}));
}

TEST_F(Mailboxes, ANameMadeAgainHasAGreaterUidvalidity) {
  at.create(kOld);
  const auto first = box(kOld);
  EXPECT_TRUE(at.remove(kOld));
  at.restart();
  EXPECT_TRUE(at.create(kOld));
  EXPECT_GT(box(kOld).uid_validity, first.uid_validity);
  EXPECT_NE(box(kOld).id, first.id);
  EXPECT_TRUE(at.remove(kOld, kNow - hours{1}));
  EXPECT_EQ(at.purge(kNow + hours{1}, 100), 0U);
  at.restart();
  EXPECT_TRUE(at.create(kOld));
  EXPECT_GT(box(kOld).uid_validity, first.uid_validity + 1);
}

TEST_F(Mailboxes, OneWithOthersBelowItStaysAsANameThatCantBeSelected) {
  at.create("u@d.example/A/B");
  at.deliver(1, {kInbox}, "one");
  at.move(kInbox, {1}, "u@d.example/A");
  EXPECT_TRUE(at.remove("u@d.example/A"));
  EXPECT_EQ(at.store->find_mailbox("u@d.example/A").error().fault, Fault::not_found);
  EXPECT_FALSE(at.store->list_mailboxes().value()[1].selectable);
  EXPECT_FALSE(at.remove("u@d.example/A"));
  at.restart();
  EXPECT_FALSE(at.store->list_mailboxes().value()[1].selectable);
  EXPECT_TRUE(at.create("u@d.example/A"));
  EXPECT_EQ(at.contents("u@d.example/A"), Strings{});
  EXPECT_TRUE(at.remove("u@d.example/A"));
  EXPECT_TRUE(at.remove("u@d.example/A/B"));
  EXPECT_TRUE(at.remove("u@d.example/A"));
  EXPECT_EQ(at.names(), Strings{kInbox});
}

TEST_F(Mailboxes, MailMakesANameAMailboxAgain) {
  at.create("u@d.example/A");
  EXPECT_TRUE(at.remove(kInbox));
  EXPECT_EQ(at.deliver(1, {kInbox}, "one")[0].kind, Kind::added);
  EXPECT_EQ(at.contents(kInbox), Strings{"1 one"});
  at.restart();
  EXPECT_EQ(at.contents(kInbox), Strings{"1 one"});
}

TEST_F(Mailboxes, NoMailComesToOneThatIsBeingRemovedAndNoneIsRemovedWhileMailComes) {
  at.deliver(1, {kInbox}, "one");
  {
    Kv::Batch removal, mail;
    auto removed = remove_mailbox(*at.store, removal, kInbox, kNow);
    ASSERT_TRUE(removed);
    Store::Message message;
    message.queue_id = record::QueueId(2);
    EXPECT_EQ(at.store->deliver(mail, {{kInbox, kInbox, {}}}, message, "x").error().fault, Fault::temporary);
  }
  {
    Kv::Batch removal, mail;
    Store::Message message;
    message.queue_id = record::QueueId(2);
    message.size = 1;
    auto delivery = at.store->deliver(mail, {{kInbox, kInbox, {}}}, message, "x");
    EXPECT_EQ(remove_mailbox(*at.store, removal, kInbox, kNow).error().fault, Fault::temporary);
  }
  EXPECT_TRUE(at.remove(kInbox));
}

TEST_F(Mailboxes, ARemovedOneIsBroughtBackWithItsMessagesAndCountsAgain) {
  at.deliver(1, {kInbox, "v@d.example"}, "one");
  at.create(kOld);
  at.copy(kInbox, {1}, kOld);
  const auto before = box(kOld);
  EXPECT_TRUE(at.remove(kOld));
  EXPECT_EQ(usage_of(*at.store, kInbox).value(), (Usage{3, 1, 1}));
  at.restart();
  const auto removed = list_removed_mailboxes(*at.store).value();
  ASSERT_EQ(removed.size(), 1U);
  EXPECT_EQ(removed[0].removed.name, kOld);
  EXPECT_TRUE(at.make([&](Kv::Batch& batch) {
    return restore_mailbox(*at.store, batch, removed[0].id, "u@d.example/Back/Again", kNow);
  }));
  EXPECT_EQ(at.contents("u@d.example/Back/Again"), Strings{"1 one"});
  EXPECT_GT(box("u@d.example/Back/Again").uid_validity, before.uid_validity);
  EXPECT_EQ(usage_of(*at.store, kInbox).value(), (Usage{6, 2, 2}));
  EXPECT_TRUE(list_removed_mailboxes(*at.store).value().empty());
}

TEST_F(Mailboxes, SubscriptionsAreOfNamesAndStayWithoutAMailbox) {
  for (const auto* name : {"u@d.example/B", "u@d.example/A"})
    EXPECT_TRUE(at.make([&](Kv::Batch& batch) { return subscribe(*at.store, batch, name); }));
  EXPECT_EQ(subscriptions(*at.store, kInbox).value(), (Strings{"u@d.example/A", "u@d.example/B"}));
  Kv::Batch batch;
  unsubscribe(batch, "u@d.example/A");
  ASSERT_TRUE(at.kv.commit(std::move(batch), Kv::Durability::synced));
  EXPECT_EQ(subscriptions(*at.store, kInbox).value(), Strings{"u@d.example/B"});
}

// ---- Flags, keywords and MODSEQ

FlagChange add_words(std::initializer_list<const char*> words) {
  FlagChange wanted{FlagChange::How::add, {}, {}, {}};
  for (const auto* word : words) EXPECT_TRUE(wanted.keywords.add(word));
  return wanted;
}

TEST_F(Mailboxes, FlagsAndKeywordsAreAddedRemovedAndReplaced) {
  at.deliver(1, {kInbox}, "one");
  auto wanted = add_words({"$Forwarded", "later"});
  wanted.flags.seen = true;
  EXPECT_TRUE(at.flag(kInbox, {1}, wanted));
  wanted = add_words({"LATER"});
  wanted.how = FlagChange::How::remove;
  EXPECT_TRUE(at.flag(kInbox, {1}, wanted));
  at.restart();
  auto message = at.store->find(kInbox, 1).value().message;
  EXPECT_EQ(message.keywords.words(), Strings{"$Forwarded"});
  EXPECT_TRUE(message.flags.seen);
  EXPECT_TRUE(at.flag(kInbox, {1}, {FlagChange::How::replace, {.flagged = true}, {}, {}}));
  message = at.store->find(kInbox, 1).value().message;
  EXPECT_TRUE(message.keywords.empty());
  EXPECT_EQ(message.flags, (Flags{.flagged = true}));
}

TEST_F(Mailboxes, EachChangeRaisesModseqAndOneThatChangesNothingDoesNot) {
  EXPECT_EQ(at.deliver(1, {kInbox}, "one").size(), 1U);
  at.deliver(2, {kInbox}, "two");
  EXPECT_EQ(box(kInbox).highest_modseq, 3U);
  const FlagChange seen{FlagChange::How::add, {.seen = true}, {}, {}};
  EXPECT_TRUE(at.flag(kInbox, {1}, seen));
  EXPECT_TRUE(at.flag(kInbox, {1}, seen));
  EXPECT_EQ(box(kInbox).highest_modseq, 4U);
  EXPECT_EQ(at.store->find(kInbox, 1).value().message.modseq, 4U);
  EXPECT_TRUE(at.expunge(kInbox, {2}));
  at.restart();
  EXPECT_EQ(box(kInbox).highest_modseq, 5U);
  const auto changes = changes_since(*at.store, kInbox, 3).value();
  EXPECT_EQ(changes.changed, Uids{1});
  EXPECT_EQ(changes.vanished, Uids{2});
  EXPECT_TRUE(changes.vanished_known);
  EXPECT_EQ(changes.highest, 5U);
  EXPECT_EQ(changes_since(*at.store, kInbox, 0).value().changed, Uids{1});
}

TEST_F(Mailboxes, UnchangedSinceLeavesWhatChangedAfterIt) {
  at.deliver(1, {kInbox}, "one");
  at.deliver(2, {kInbox}, "two");
  at.flag(kInbox, {1}, add_words({"x"}));
  auto wanted = add_words({"y"});
  wanted.unchanged_since = 3;
  Kv::Batch batch;
  auto result = change_flags(*at.store, batch, kInbox, {1, 2, 9}, wanted);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->modified, Uids{1});
  EXPECT_EQ(result->changed, Uids{2});
  EXPECT_EQ(result->missing, Uids{9});
  // Another changes it before the commit: nothing of this batch is done.
  EXPECT_TRUE(at.flag(kInbox, {2}, add_words({"z"})));
  EXPECT_FALSE(at.commit(std::move(batch), result->change));
  EXPECT_EQ(at.store->find(kInbox, 2).value().message.keywords.words(), Strings{"z"});
}

TEST_F(Mailboxes, HighestModseqStaysBelowWhatIsNotAnswered) {
  at.deliver(1, {kInbox}, "one");
  Kv::Batch slow;
  auto held = change_flags(*at.store, slow, kInbox, {1}, add_words({"x"}));
  ASSERT_TRUE(held);
  at.deliver(2, {kInbox}, "two");
  EXPECT_EQ(box(kInbox).highest_modseq, 2U);
  EXPECT_TRUE(at.commit(std::move(slow), held->change));
  EXPECT_EQ(box(kInbox).highest_modseq, 4U);
}

TEST_F(Mailboxes, OldVanishedUidsAreForgottenAndThatIsTold) {
  constexpr int kChanges = 10'003;
  for (int i = 1; i <= kChanges; ++i) {
    at.deliver(static_cast<std::uint64_t>(i), {kInbox}, "x");
    ASSERT_TRUE(at.expunge(kInbox, {static_cast<Uid>(i)}));
  }
  EXPECT_FALSE(changes_since(*at.store, kInbox, 1).value().vanished_known);
  const auto highest = box(kInbox).highest_modseq;
  const auto recent = changes_since(*at.store, kInbox, highest - 10).value();
  EXPECT_TRUE(recent.vanished_known);
  EXPECT_EQ(recent.vanished.size(), 5U);
}

TEST_F(Mailboxes, EnvelopesAreKeptOnceForAllCopies) {
  at.deliver(1, {kInbox, "v@d.example"}, "Subject: hello\r\n\r\n");
  EXPECT_EQ(at.kv.rows(kEnvelope).size(), 1U);
  const auto items = at.store->scan("v@d.example", 1, 10).value().items;
  EXPECT_EQ((*envelopes(*at.store, items).value()[0])[record::Envelope::subject].value, "hello");
  at.expunge(kInbox, {1});
  at.expunge("v@d.example", {1});
  EXPECT_TRUE(at.kv.rows(kEnvelope).empty());
}

// ---- Copy and move

TEST_F(Mailboxes, ACopySharesTheBodyAndKeepsFlagsKeywordsAndTime) {
  at.create(kOld);
  at.deliver(1, {kInbox}, "one");
  at.deliver(2, {kInbox}, "two");
  at.flag(kInbox, {1}, add_words({"x"}));
  Kv::Batch batch;
  auto copied = copy(*at.store, batch, kInbox, {2, 1, 1, 7}, kOld);
  ASSERT_TRUE(copied);
  EXPECT_EQ(copied->uids, (std::vector<std::pair<Uid, Uid>>{{1, 1}, {2, 2}}));
  EXPECT_EQ(copied->missing, Uids{7});
  EXPECT_EQ(copied->uid_validity, box(kOld).uid_validity);
  ASSERT_TRUE(at.commit(std::move(batch), copied->change));
  EXPECT_EQ(at.kv.rows(kBody).size(), 2U);
  EXPECT_EQ(at.contents(kOld), (Strings{"1 one", "2 two"}));
  EXPECT_EQ(at.store->find(kOld, 1).value().message.keywords.words(), Strings{"x"});
  EXPECT_TRUE(at.expunge(kInbox, {1, 2}));
  EXPECT_EQ(at.contents(kOld), (Strings{"1 one", "2 two"}));
  EXPECT_TRUE(at.expunge(kOld, {1, 2}));
  EXPECT_TRUE(at.kv.rows(kBody).empty());
  EXPECT_TRUE(at.kv.rows(kReferences).empty());
}

TEST_F(Mailboxes, AMoveLeavesNothingBehindAndTellsWhatVanished) {
  at.create(kOld);
  for (const auto id : {1U, 2U, 3U}) at.deliver(id, {kInbox}, std::to_string(id));
  EXPECT_TRUE(at.move(kInbox, {1, 3}, kOld));
  EXPECT_EQ(at.contents(kInbox), Strings{"2 2"});
  EXPECT_EQ(at.contents(kOld), (Strings{"1 1", "2 3"}));
  EXPECT_EQ(changes_since(*at.store, kInbox, 4).value().vanished, (Uids{1, 3}));
  EXPECT_TRUE(at.move(kOld, {1}, kOld));
  EXPECT_EQ(at.contents(kOld), (Strings{"2 3", "3 1"}));
  Kv::Batch batch;
  EXPECT_EQ(move(*at.store, batch, kInbox, {2}, "u@d.example/None").error().fault, Fault::not_found);
}

TEST_F(Mailboxes, AtMostAThousandAreChangedAtOnce) {
  at.deliver(1, {kInbox}, "one");
  Kv::Batch batch;
  EXPECT_EQ(expunge(*at.store, batch, kInbox, Uids(1001, 1), {}).error().fault, Fault::malformed);
}

// ---- Quotas

TEST_F(Mailboxes, WhoIsOverQuotaGetsNothingAndTheOthersDo) {
  at.store->set_default_quota({10, 0});
  const auto first = at.deliver(1, {kInbox, "v@d.example"}, "123456");
  EXPECT_EQ(first[0].kind, Kind::added);
  EXPECT_TRUE(at.make([&](Kv::Batch& batch) -> Result<Change> {
    return set_quota(*at.store, batch, "v@d.example", Quota{100, 0});
  }));
  const auto second = at.deliver(2, {kInbox, "v@d.example"}, "123456");
  EXPECT_EQ(second[0].kind, Kind::over_quota);
  EXPECT_EQ(second[1].kind, Kind::added);
  EXPECT_EQ(at.deliver(2, {kInbox, "v@d.example"}, "123456")[1].kind, Kind::had_already);
  EXPECT_TRUE(at.deliver(3, {kInbox}, "1234")[0].kind == Kind::added);
  at.restart();
  at.store->set_default_quota({10, 0});
  EXPECT_EQ(at.deliver(4, {kInbox}, "1")[0].kind, Kind::over_quota);
  EXPECT_TRUE(at.expunge(kInbox, {1}, kNow));
  EXPECT_EQ(at.deliver(4, {kInbox}, "1")[0].kind, Kind::added);
  EXPECT_EQ(quota_of(*at.store, "v@d.example").value(), (Quota{100, 0}));
}

TEST_F(Mailboxes, AllFoldersOfAnAccountCountTogetherAndACopyNeedsRoom) {
  at.store->set_default_quota({0, 2});
  at.create(kOld);
  at.deliver(1, {kInbox, kOld}, "x");
  EXPECT_EQ(at.deliver(2, {kInbox}, "x")[0].kind, Kind::over_quota);
  Kv::Batch batch;
  EXPECT_TRUE(copy(*at.store, batch, kInbox, {1}, kOld)->over_quota);
  EXPECT_TRUE(at.move(kInbox, {1}, kOld));
  EXPECT_EQ(at.contents(kOld), (Strings{"1 x", "2 x"}));
}

/// A delivery of one octet that is under way: neither committed nor answered.
Result<Store::Delivery> composed(OpenedStore& at, Kv::Batch& batch, std::uint64_t id) {
  Store::Message message;
  message.queue_id = record::QueueId(id);
  message.size = 1;
  return at.store->deliver(batch, {{kInbox, kInbox, {}}}, message, "x");
}

TEST_F(Mailboxes, WhatIsUnderWayCountsAndWhatFailedDoesNot) {
  at.store->set_default_quota({0, 1});
  {
    Kv::Batch batch;
    auto delivery = composed(at, batch, 1);
    ASSERT_TRUE(delivery);
    EXPECT_EQ(at.deliver(2, {kInbox}, "x")[0].kind, Kind::over_quota);
  }
  EXPECT_EQ(at.deliver(2, {kInbox}, "x")[0].kind, Kind::added);
}

TEST_F(Mailboxes, UsageIsFoldedIntoOneRowAndStaysTheSame) {
  for (std::uint64_t id = 1; id <= 1000; ++id) at.deliver(id, {kInbox}, "12");
  EXPECT_EQ(accounts_to_fold(*at.store), Strings{kInbox});
  Kv::Batch first, second;
  EXPECT_FALSE(fold_usage(*at.store, first, kInbox).value());
  EXPECT_FALSE(fold_usage(*at.store, second, kInbox).value());
  at.deliver(2000, {kInbox}, "12");
  ASSERT_TRUE(at.kv.commit(std::move(first), Kv::Durability::synced));
  EXPECT_FALSE(at.kv.commit(std::move(second), Kv::Durability::synced));
  EXPECT_EQ(at.kv.rows(kAccount).size(), 2U);
  EXPECT_EQ(usage_of(*at.store, kInbox).value(), (Usage{2002, 1001, 1001}));
  EXPECT_TRUE(accounts_to_fold(*at.store).empty());
  EXPECT_EQ(next_account(*at.store, {}).value(), kInbox);
  EXPECT_EQ(next_account(*at.store, kInbox).value(), std::nullopt);
}

TEST_F(Mailboxes, ARecountPutsUsageRight) {
  at.deliver(1, {kInbox}, "one");
  at.kv.rows(kAccount).begin()->second = encode(Usage{77, 7});
  EXPECT_EQ(at.problems().size(), 1U);
  Kv::Batch batch;
  const auto counts = recount(*at.store, batch, kInbox).value();
  EXPECT_EQ(counts.counted, (Usage{3, 1, 1}));
  EXPECT_EQ(counts.kept, (Usage{77, 7}));
  at.deliver(2, {kInbox}, "two");  // before the commit
  ASSERT_TRUE(at.kv.commit(std::move(batch), Kv::Durability::synced));
  EXPECT_EQ(usage_of(*at.store, kInbox).value(), (Usage{6, 2, 2}));
}

// ---- Counts

Store::Counts counted(const OpenedStore& at, std::string_view mailbox) {
  return at.store->counts(mailbox).value();
}

TEST_F(Mailboxes, AMailboxIsCountedWithoutReadingItsMessages) {
  at.create(kOld);
  at.deliver(1, {kInbox}, "one");
  at.deliver(2, {kInbox, kOld}, "three");
  at.flag(kInbox, {1, 2}, {FlagChange::How::add, {.seen = true}, {}, {}});
  at.flag(kInbox, {2}, {FlagChange::How::remove, {.seen = true}, {}, {}});
  EXPECT_EQ(counted(at, kInbox), (Store::Counts{2, 8, 1}));
  EXPECT_EQ(counted(at, kOld), (Store::Counts{1, 5, 1}));
  const auto messages = std::exchange(at.kv.rows(kMessage), {});
  EXPECT_EQ(counted(at, kInbox), (Store::Counts{2, 8, 1}));
  at.kv.rows(kMessage) = messages;
  EXPECT_EQ(at.store->counts("u@d.example/None").error().fault, Fault::not_found);
}

TEST_F(Mailboxes, WhatIsNotAnsweredYetDoesNotCountAlsoWhenItIsWritten) {
  at.deliver(1, {kInbox}, "one");
  Kv::Batch batch;
  auto delivery = composed(at, batch, 2);
  ASSERT_TRUE(delivery);
  ASSERT_TRUE(at.kv.commit(std::move(batch), Kv::Durability::synced));
  EXPECT_EQ(counted(at, kInbox), (Store::Counts{1, 3, 1}));
  Kv::Batch fold;
  EXPECT_FALSE(fold_usage(*at.store, fold, kInbox).value());
  ASSERT_TRUE(at.kv.commit(std::move(fold), Kv::Durability::synced));
  EXPECT_EQ(counted(at, kInbox), (Store::Counts{1, 3, 1})) << "a fold leaves it out";
  delivery->committed();
  EXPECT_EQ(counted(at, kInbox), (Store::Counts{2, 4, 2}));
}

TEST_F(Mailboxes, EachMailboxIsFoldedByItselfInBoundedSteps) {
  at.create(kOld);
  for (std::uint64_t id = 1; id <= 5; ++id) at.deliver(id, {kInbox, kOld}, "12");
  Kv::Batch batch;
  EXPECT_FALSE(fold_usage(*at.store, batch, kInbox).value());
  ASSERT_TRUE(at.kv.commit(std::move(batch), Kv::Durability::synced));
  EXPECT_EQ(at.kv.rows(kAccount).size(), 2U);
  EXPECT_EQ(counted(at, kInbox), (Store::Counts{5, 10, 5}));
  EXPECT_EQ(counted(at, kOld), (Store::Counts{5, 10, 5}));
  batch = {};
  EXPECT_FALSE(fold_usage(*at.store, batch, kInbox).value());
  EXPECT_TRUE(batch.empty());
}

TEST_F(Mailboxes, ACountBeginsBehindWhatWasFolded) {
  for (std::uint64_t id = 1; id <= 5; ++id) at.deliver(id, {kInbox}, "12");
  Kv::Batch batch;
  EXPECT_FALSE(fold_usage(*at.store, batch, kInbox).value());
  const auto removed = at.kv.rows(kAccount);
  ASSERT_TRUE(at.kv.commit(std::move(batch), Kv::Durability::synced));
  at.deliver(6, {kInbox}, "12");
  // To the engine what was removed is there for long, as something to step over.
  at.kv.rows(kAccount).insert(removed.begin(), removed.end());
  EXPECT_EQ(counted(at, kInbox), (Store::Counts{6, 12, 6}));
  batch = {};
  EXPECT_FALSE(fold_usage(*at.store, batch, kInbox).value());
  ASSERT_TRUE(at.kv.commit(std::move(batch), Kv::Durability::synced));
  EXPECT_EQ(counted(at, kInbox), (Store::Counts{6, 12, 6}));
  for (const auto& [key, value] : removed) at.kv.rows(kAccount).erase(key);
}

TEST_F(Mailboxes, AFoldMissesNothingThatIsAnsweredWhileItReads) {
  for (int look = 1; look <= 4; ++look) {
    OpenedStore one;
    for (std::uint64_t id = 1; id <= 3; ++id) one.deliver(id, {kInbox}, "12");
    Kv::Batch batch;
    auto slow = composed(one, batch, 4);
    ASSERT_TRUE(slow);
    one.deliver(5, {kInbox}, "12");
    int looks = 0;
    one.kv.after_scan = [&] {
      if (++looks != look) return;
      EXPECT_TRUE(one.kv.commit(std::move(batch), Kv::Durability::synced));
      slow->committed();
    };
    Kv::Batch fold;
    EXPECT_FALSE(fold_usage(*one.store, fold, kInbox).value());
    one.kv.after_scan = nullptr;
    ASSERT_TRUE(one.kv.commit(std::move(fold), Kv::Durability::synced));
    if (looks < look) break;
    EXPECT_EQ(counted(one, kInbox), (Store::Counts{5, 9, 5})) << look;
    EXPECT_EQ(one.problems(), Strings{}) << look;
  }
}

TEST_F(Mailboxes, WhatCountedAPurgedMailboxGoesWithIt) {
  at.create(kOld);
  at.deliver(1, {kOld}, "x");
  EXPECT_TRUE(at.remove(kOld, kNow));
  Kv::Batch batch;
  EXPECT_FALSE(fold_usage(*at.store, batch, kInbox).value());
  ASSERT_TRUE(at.kv.commit(std::move(batch), Kv::Durability::synced));
  EXPECT_EQ(at.kv.rows(kAccount).size(), 1U);
  EXPECT_EQ(at.purge(kNow + hours{1}, 10), 1U);
  EXPECT_TRUE(at.kv.rows(kAccount).empty());
}

// ---- Removal that can be undone

TEST_F(Mailboxes, ARemovedMessageIsPutBackUnderANewUid) {
  at.deliver(1, {kInbox}, "one");
  at.deliver(2, {kInbox}, "two");
  EXPECT_TRUE(at.expunge(kInbox, {1, 2}, kNow));
  EXPECT_EQ(at.contents(kInbox), Strings{});
  EXPECT_EQ(usage_of(*at.store, kInbox).value(), Usage{});
  at.restart();
  EXPECT_EQ(list_removed(*at.store, kInbox, 1, 10).value().size(), 2U);
  EXPECT_TRUE(at.restore(kInbox, {1, 2, 3}));
  EXPECT_EQ(at.contents(kInbox), (Strings{"3 one", "4 two"}));
  EXPECT_TRUE(list_removed(*at.store, kInbox, 1, 10).value().empty());
  EXPECT_EQ(usage_of(*at.store, kInbox).value(), (Usage{6, 2, 2}));
}

TEST_F(Mailboxes, WhatIsPurgedIsGoneForGoodOldestFirstInBoundedSteps) {
  at.deliver(1, {kInbox}, "large", true);
  for (std::uint64_t id = 2; id <= 5; ++id) at.deliver(id, {kInbox}, "x");
  for (const Uid uid : {1, 2, 3, 4, 5}) at.expunge(kInbox, {uid}, kNow + hours{uid});
  Kv::Batch batch;
  const auto purged = purge(*at.store, batch, kNow + hours{4}, 2).value();
  EXPECT_EQ(purged.messages, 2U);
  EXPECT_EQ(purged.unused_blobs, Strings{"blob1"});
  EXPECT_TRUE(purged.more);
  EXPECT_EQ(at.purge(kNow + hours{4}, 2), 3U);
  EXPECT_TRUE(at.blob.names().value().empty());
  EXPECT_EQ(list_removed(*at.store, kInbox, 1, 10).value().size(), 2U);
  EXPECT_FALSE(at.store->orphans().value().size());
}

TEST_F(Mailboxes, ARemovedMailboxIsPurgedInBoundedStepsAndThenCantComeBack) {
  at.create(kOld);
  for (std::uint64_t id = 1; id <= 5; ++id) at.deliver(id, {kOld}, "x");
  at.expunge(kOld, {5}, kNow);
  const auto id = box(kOld).id;
  EXPECT_TRUE(at.remove(kOld, kNow + hours{1}));
  EXPECT_EQ(at.purge(kNow + hours{1}, 2), 1U);
  Kv::Batch batch;
  EXPECT_TRUE(purge(*at.store, batch, kNow + hours{2}, 2).value().more);
  ASSERT_TRUE(at.kv.commit(std::move(batch), Kv::Durability::synced));
  batch = {};
  EXPECT_EQ(restore_mailbox(*at.store, batch, id, kOld, kNow).error().fault, Fault::not_found);
  EXPECT_EQ(at.purge(kNow + hours{2}, 2), 2U);
  EXPECT_TRUE(at.kv.rows(kBody).empty());
  EXPECT_TRUE(at.kv.rows(kRemoved).empty());
}

TEST_F(Mailboxes, WhatItsLimitsKeepIsNotPurgedAndNotLookedAtAgain) {
  at.create(kOld);
  for (std::uint64_t id = 1; id <= 6; ++id) at.deliver(id, {id % 2 == 0 ? kInbox : kOld}, "x");
  for (const Uid uid : {1, 2, 3}) {
    at.expunge(kInbox, {uid}, kNow + hours{uid});
    at.expunge(kOld, {uid}, kNow + hours{uid});
  }
  const PurgeLimits held = [](std::string_view mailbox) {
    return mailbox == kOld ? std::nullopt : std::optional(kNow + hours{3});
  };
  Kv::Batch batch;
  const auto purged = purge(*at.store, batch, kNow + hours{5}, 100, held).value();
  EXPECT_EQ(purged.messages, 2U);
  EXPECT_EQ(purged.kept, 4U);
  EXPECT_FALSE(purged.more);
  ASSERT_TRUE(at.kv.commit(std::move(batch), Kv::Durability::synced));
  EXPECT_EQ(list_removed(*at.store, kInbox, 1, 10).value().size(), 1U);
  EXPECT_EQ(list_removed(*at.store, kOld, 1, 10).value().size(), 3U);
  batch = {};
  const auto later = purge(*at.store, batch, kNow + hours{5}, 100, held, purged.next).value();
  EXPECT_EQ(later.messages + later.kept, 0U);
  EXPECT_EQ(at.purge(kNow + hours{5}, 1), 4U);
  EXPECT_EQ(at.problems(), Strings{});
}

TEST_F(Mailboxes, ARemovedMailboxIsKeptByTheNameThatItHad) {
  at.create(kOld);
  for (std::uint64_t id = 1; id <= 3; ++id) at.deliver(id, {kOld}, "x");
  at.expunge(kOld, {1}, kNow);
  const auto id = box(kOld).id;
  EXPECT_TRUE(at.remove(kOld, kNow));
  Strings asked;
  const PurgeLimits held = [&](std::string_view mailbox) {
    asked.emplace_back(mailbox);
    return std::optional<Time>();
  };
  EXPECT_EQ(at.purge(kNow + hours{1}, 1, held), 0U);
  EXPECT_EQ(asked, Strings{kOld});  // once for all of it
  EXPECT_TRUE(at.make(
      [&](Kv::Batch& batch) { return restore_mailbox(*at.store, batch, id, kOld, kNow + hours{2}); }));
  EXPECT_EQ(at.contents(kOld), (Strings{"2 x", "3 x"}));
  EXPECT_EQ(list_removed(*at.store, kOld, 1, 10).value().size(), 1U);
}

TEST_F(Mailboxes, AMessageThatIsNotWantedGoneAnyMoreStays) {
  for (std::uint64_t id = 1; id <= 3; ++id) at.deliver(id, {kInbox}, std::to_string(id));
  EXPECT_TRUE(at.flag(kInbox, {2}, {FlagChange::How::add, {.flagged = true}, {}, {}}));
  Kv::Batch batch;
  auto expunged =
      expunge(*at.store, batch, kInbox, {1, 2, 3, 4}, kNow, [](Uid, const record::MessageRecord& message) {
        return !message.flags.flagged;
      }).value();
  EXPECT_EQ(expunged.uids, (std::vector<Uid>{1, 3}));
  EXPECT_EQ(expunged.missing, std::vector<Uid>{4});
  // Flagged after it was asked: the commit fails, and who asks again is told.
  EXPECT_TRUE(at.flag(kInbox, {3}, {FlagChange::How::add, {.flagged = true}, {}, {}}));
  EXPECT_EQ(at.kv.commit(std::move(batch), Kv::Durability::synced).error().fault, Fault::not_found);
  EXPECT_EQ(at.contents(kInbox), (Strings{"1 1", "2 2", "3 3"}));
}

TEST_F(Mailboxes, ARestoredMessageKnowsWhenItCameBack) {
  at.deliver(1, {kInbox}, "x");
  at.expunge(kInbox, {1}, kNow);
  EXPECT_TRUE(at.restore(kInbox, {1}));
  EXPECT_EQ(at.store->find(kInbox, 2).value().message.restored, testing_support::kNow);
  EXPECT_EQ(at.store->find(kInbox, 2).value().message.received, kNow);
}

TEST_F(Mailboxes, TheBlobOfARemovedMessageIsNoOrphan) {
  at.deliver(1, {kInbox}, "large", true);
  at.expunge(kInbox, {1}, kNow);
  EXPECT_TRUE(at.store->orphans().value().empty());
  EXPECT_TRUE(at.restore(kInbox, {1}));
  EXPECT_EQ(at.contents(kInbox), Strings{"2 large"});
}

TEST_F(Mailboxes, FilesThatAgreeWithTheirListAreNoReasonToReadAllMessages) {
  at.deliver(1, {kInbox}, "large", true);
  at.deliver(2, {kInbox}, "small");
  const auto messages = std::exchange(at.kv.rows(kMessage), {});
  std::size_t bad = 0;
  EXPECT_TRUE(at.store->orphans([&](const auto&) { ++bad; }).value().empty());
  at.kv.rows(kMessage) = messages;
  EXPECT_EQ(bad, 0U);
}

TEST_F(Mailboxes, WhatIsWrongWithFilesIsToldByTheMessagesAlsoWhenTheirListIsWrong) {
  at.deliver(1, {kInbox}, "large", true);
  at.deliver(2, {kInbox}, "larger", true);
  Strings told;
  const auto orphans = [&] {
    told.clear();
    return at.store
        ->orphans([&](const Store::BadBody& bad) { told.push_back(bad.mailbox + std::to_string(bad.uid)); })
        .value();
  };
  const auto list = at.kv.rows(kFile);
  at.kv.rows(kFile).clear();
  EXPECT_TRUE(orphans().empty()) << "a file is no orphan because its list is lost";
  EXPECT_TRUE(told.empty());
  at.kv.rows(kFile) = list;
  at.kv.rows(kFile)["blob3"] = "\x05";
  EXPECT_TRUE(orphans().empty());
  at.kv.rows(kFile) = list;
  ASSERT_TRUE(at.blob.put("blob3").value()->finish());
  EXPECT_EQ(orphans(), Strings{"blob3"});
  EXPECT_TRUE(told.empty());
  ASSERT_TRUE(at.blob.remove("blob3") && at.blob.remove("blob2"));
  EXPECT_TRUE(orphans().empty());
  EXPECT_EQ(told, Strings{"u@d.example2"});
  auto writer = at.blob.put("blob2").value();
  ASSERT_TRUE(writer->write("larger") && writer->finish());
  EXPECT_TRUE(orphans().empty());
  EXPECT_TRUE(told.empty());
}

// ---- Databases of before

TEST_F(Mailboxes, RowsOfFormat1AreReadAndChanged) {
  // What version 1 wrote: a mailbox, a message of two octets, and no rows of usage or changes.
  using record::MailboxRecord;
  const std::string mailbox("\x01\x07\xac\x02\x02\xc2\xf7\xf1\x6e", 9);
  const std::string message("\x01\x00\x00\x01\x00\x00\x00\x02\x00\x01k\x00\x24\xb4\x23\x12", 16);
  at.kv.rows(kMailbox)[kInbox] = mailbox;
  at.kv.rows(kMessage)[message_key(7, 1)] = message;
  at.kv.rows(kBody)["k"] = "hi";
  at.kv.rows(kMeta)["format"] = "\x01";
  ASSERT_TRUE(at.open());
  EXPECT_EQ(at.contents(kInbox), Strings{"1 hi"});
  EXPECT_EQ(box(kInbox).highest_modseq, 1U);
  EXPECT_EQ(at.problems().size(), 1U);  // its usage
  Kv::Batch batch;
  EXPECT_EQ(recount(*at.store, batch, kInbox).value().counted, (Usage{2, 1, 1}));
  ASSERT_TRUE(at.kv.commit(std::move(batch), Kv::Durability::synced));
  EXPECT_TRUE(at.flag(kInbox, {1}, add_words({"x"})));
  EXPECT_EQ(at.kv.rows(kMeta)["format"], "\x03");
  EXPECT_TRUE(at.expunge(kInbox, {1}));
  EXPECT_EQ(usage_of(*at.store, kInbox).value(), Usage{});
}

TEST_F(Mailboxes, RowsOfFormat2AreCountedByMailboxOnce) {
  at.create(kOld);
  at.deliver(1, {kInbox, kOld}, "12", true);
  at.kv.rows(kFile).clear();
  // One row for the account, by a program that did not count what is unseen: version 1.
  at.kv.rows(kAccount) = {{usage_key(kInbox), "\x01\x08\x04\xa3\x65\xab\x9f"}};
  at.kv.rows(kMeta)["format"] = "\x02";
  ASSERT_TRUE(at.open());
  EXPECT_EQ(at.problems(), Strings{});
  EXPECT_EQ(counted(at, kInbox), (Store::Counts{1, 2, 1})) << "read from the messages";
  EXPECT_EQ(count_older_database(*at.store).value(), 1U);
  EXPECT_EQ(at.kv.rows(kMeta)["format"], "\x03");
  EXPECT_EQ(at.problems(), Strings{});
  EXPECT_FALSE(at.kv.rows(kAccount).contains(usage_key(kInbox)));
  EXPECT_EQ(at.kv.rows(kFile).size(), 1U);
  EXPECT_EQ(counted(at, kInbox), (Store::Counts{1, 2, 1}));
  EXPECT_EQ(count_older_database(*at.store).value(), 0U);
}

TEST_F(Mailboxes, ADatabaseThatWasCountedInPartIsCountedOnAndMended) {
  at.create(kOld);
  at.deliver(1, {kInbox, kOld}, "12");
  Kv::Batch batch;
  EXPECT_FALSE(fold_usage(*at.store, batch, kInbox).value());
  ASSERT_TRUE(at.kv.commit(std::move(batch), Kv::Durability::synced));
  at.kv.rows(kMeta)["format"] = "\x02";  // is written last
  ASSERT_TRUE(at.open());
  EXPECT_EQ(at.problems(), Strings{});
  at.kv.rows(kAccount)[usage_key(kInbox)] = encode(Usage{5, 1});
  EXPECT_EQ(at.problems().size(), 1U);
  ASSERT_TRUE(repair(at.kv, at.blob, [](const Problem&) {}));
  EXPECT_EQ(at.problems(), Strings{});
  EXPECT_EQ(count_older_database(*at.store).value(), 1U);
  EXPECT_EQ(at.problems(), Strings{});
  EXPECT_EQ(counted(at, kOld), (Store::Counts{1, 2, 1}));
}

}  // namespace
}  // namespace hikyaku::store
