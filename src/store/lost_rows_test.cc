#include "store/lost_rows.h"

#include <gtest/gtest.h>

#include "store/check.h"
#include "store/opened_store.h"

namespace hikyaku::store {
namespace {

using testing_support::kNow;
using testing_support::OpenedStore;
using Strings = std::vector<std::string>;

const std::string kMail = "From: <a@s>\r\nSubject: hello\r\n\r\nbody";

/// A mailbox with a small message, one of two mailboxes, a large one, one that was expunged, and one that was
/// removed and can be put back.
struct Filled : OpenedStore {
  Filled() {
    deliver(1, {"u@d"}, kMail);
    deliver(2, {"u@d", "v@d"}, kMail);
    deliver(3, {"u@d"}, kMail, true);
    deliver(4, {"u@d"}, kMail);
    expunged = kv.rows(kMessage).at(message_key(1, 4));
    expunge("u@d", {4});
    deliver(5, {"u@d"}, kMail);
    removed = kv.rows(kMessage).at(message_key(1, 5));
    expunge("u@d", {5}, kNow);
    older = kv.rows(kMessage).at(message_key(1, 1));
    FlagChange seen;
    seen.flags.seen = true;
    flag("u@d", {1}, seen);
  }
  std::string expunged, removed, older;  // rows as they were
};

struct LossCase {
  const char* name;
  void (*damage)(Filled&);
  std::set<Kv::Space> damaged;
  Strings lost, changed;  // as they are told
  std::set<Uid> left;     // in u@d
};
void PrintTo(const LossCase& row, std::ostream* out) { *out << row.name; }

class LostRows : public testing::TestWithParam<LossCase> {};

TEST_P(LostRows, AreToldAndNothingIsReadThatIsNotMail) {
  Filled at;
  ASSERT_EQ(at.problems(), Strings{});
  GetParam().damage(at);
  const auto settled = settle_lost_rows(at.kv, at.blob, GetParam().damaged).value();
  Strings lost, changed;
  for (const auto& one : settled.lost) {
    for (const auto& message : one.known)
      lost.push_back(one.mailbox + ' ' + std::to_string(message.uid) + ' ' + message.subject);
  }
  for (const auto& one : settled.changed)
    changed.push_back(one.mailbox + ' ' + std::to_string(one.uid) + ": " + one.text);
  EXPECT_EQ(lost, GetParam().lost);
  EXPECT_EQ(changed, GetParam().changed);
  ASSERT_TRUE(repair(at.kv, at.blob, [](const Problem&) {}).has_value());
  for (const auto& one : at.problems())
    EXPECT_TRUE(one.find("goes with the hub's next start") != std::string::npos) << one;
  ASSERT_TRUE(at.open());
  std::set<Uid> left;
  const auto listing = at.store->scan("u@d", 1, 100).value();
  for (const auto& item : listing.items) {
    left.insert(item.uid);
    EXPECT_EQ(at.store->read(item, 0, 1000).value(), kMail);
  }
  EXPECT_EQ(left, GetParam().left);
}

INSTANTIATE_TEST_SUITE_P(
    , LostRows,
    testing::Values(
        LossCase{"none", [](Filled&) {}, {}, {}, {}, {1, 2, 3}},
        LossCase{
            "none_where_rows_may_be_missing", [](Filled&) {}, {kMessage, kChange, kBody}, {}, {}, {1, 2, 3}},
        LossCase{"a_message",
                 [](Filled& at) { at.kv.rows(kMessage).erase(message_key(1, 1)); },
                 {kMessage},
                 // By the row of its last change, and by its body.
                 {"u@d 1 hello", "u@d 1 hello"},
                 {},
                 {2, 3}},
        LossCase{"a_message_and_all_that_names_it_but_its_body",
                 [](Filled& at) {
                   at.kv.rows(kMessage).erase(message_key(1, 1));
                   at.kv.rows(kEnvelope).clear();
                   at.kv.rows(kChange).clear();
                 },
                 {kMessage, kChange, kEnvelope},
                 {"u@d 1 hello"},
                 {},
                 {2, 3}},
        LossCase{"a_message_whose_body_another_has",
                 [](Filled& at) { at.kv.rows(kMessage).erase(message_key(1, 2)); },
                 {kMessage},
                 {"u@d 2 hello"},
                 {},
                 {1, 3}},
        LossCase{"a_message_whose_body_was_first_another_s_who_removed_it",
                 [](Filled& at) {
                   at.expunge("u@d", {2});
                   at.kv.rows(kMessage).erase(message_key(2, 1));
                 },
                 {kMessage},
                 {"v@d 1 "},
                 {},
                 {1, 3}},
        LossCase{"a_body",
                 [](Filled& at) { at.kv.rows(kBody).erase(message_key(1, 1)); },
                 {kBody},
                 {"u@d 1 hello"},
                 {"u@d 1: its body is lost: it is missing"},
                 {2, 3}},
        LossCase{"a_body_of_two",
                 [](Filled& at) { at.kv.rows(kBody).erase(message_key(1, 2)); },
                 {kBody},
                 {"u@d 2 hello", "v@d 1 hello"},
                 {"u@d 2: its body is lost: it is missing", "v@d 1: its body is lost: it is missing"},
                 {1, 3}},
        LossCase{"a_body_that_is_cut",
                 [](Filled& at) { at.kv.rows(kBody)[message_key(1, 1)] = "x"; },
                 {kBody},
                 {"u@d 1 hello"},
                 {"u@d 1: its body is lost: it has 1 octets of " + std::to_string(kMail.size())},
                 {2, 3}},
        LossCase{"a_large_body",
                 [](Filled& at) { (void)at.blob.remove("blob3"); },
                 {},
                 {"u@d 3 hello"},
                 {"u@d 3: its body is lost: no blob blob3"},
                 {1, 2}},
        LossCase{"the_removal_of_one_that_was_expunged",
                 [](Filled& at) { at.kv.rows(kMessage)[message_key(1, 4)] = at.expunged; },
                 {kMessage},
                 {},
                 {"u@d 4: it had been removed, and was there again; it is removed"},
                 {1, 2, 3}},
        LossCase{"the_removal_and_what_vanished",
                 [](Filled& at) {
                   at.kv.rows(kMessage)[message_key(1, 4)] = at.expunged;
                   std::erase_if(at.kv.rows(kChange), [](const auto& row) { return row.first[4] == 'v'; });
                 },
                 {kMessage},
                 {},
                 {"u@d 4: it had been removed, and was there again; it is removed"},
                 {1, 2, 3}},
        LossCase{"the_removal_of_one_without_its_body_where_nothing_else_tells",
                 [](Filled& at) {
                   at.kv.rows(kMessage)[message_key(1, 4)] = at.expunged;
                   at.kv.rows(kChange).clear();
                 },
                 {kMessage, kChange},
                 {"u@d 4 "},
                 {"u@d 4: its body is lost, or it had been removed: it is missing"},
                 {1, 2, 3}},
        LossCase{"the_removal_of_one_that_can_be_put_back",
                 [](Filled& at) { at.kv.rows(kMessage)[message_key(1, 5)] = at.removed; },
                 {kMessage},
                 {},
                 {"u@d 5: it had been removed, and was there again; it is removed"},
                 {1, 2, 3}},
        LossCase{"the_body_of_one_that_could_be_put_back",
                 [](Filled& at) { at.kv.rows(kBody).erase(message_key(1, 5)); },
                 {kBody},
                 {},
                 {"u@d 5: it was removed, and can't be put back: it is missing"},
                 {1, 2, 3}},
        LossCase{"the_last_change_of_flags",
                 [](Filled& at) { at.kv.rows(kMessage)[message_key(1, 1)] = at.older; },
                 {kMessage},
                 {},
                 {"u@d 1: its flags may be as they were before their last change"},
                 {1, 2, 3}},
        LossCase{"the_old_name_s_removal",
                 [](Filled& at) { at.kv.rows(kMailbox)["w@d"] = at.kv.rows(kMailbox).at("u@d"); },
                 {kMailbox},
                 {},
                 {"w@d 0: it was the same mailbox as u@d, which has its mail"},
                 {1, 2, 3}}),
    [](const auto& row) { return std::string(row.param.name); });

/// Where no row can have been lost, what does not agree is a fault of ours: no mail is taken away for it.
TEST(LostRowsTest, WhereNothingIsDamagedNoReadableMessageIsTaken) {
  Filled at;
  at.kv.rows(kChange).clear();
  const auto settled = settle_lost_rows(at.kv, at.blob, {}).value();
  EXPECT_TRUE(settled.lost.empty());
  EXPECT_TRUE(settled.changed.empty());
}

TEST(LostRowsTest, ClientsThatComeBackCompareAll) {
  Filled at;
  ASSERT_TRUE(skip_given(at.kv, 100).has_value());
  ASSERT_TRUE(forget_vanished(at.kv).has_value());
  ASSERT_TRUE(at.open());
  EXPECT_FALSE(changes_since(*at.store, "u@d", 5).value().vanished_known);
  EXPECT_EQ(at.problems(), Strings{});
}

TEST(LostRowsTest, ARangeIsToldByMailboxAndUid) {
  Filled at;
  EXPECT_EQ(between_messages(at.kv, message_key(1, 3), message_key(1, 9)), "u@d, UID 3 to 9");
  EXPECT_EQ(between_messages(at.kv, message_key(1, 3), message_key(2, 9)), "u@d, UID 3 to v@d, UID 9");
  EXPECT_EQ(between_messages(at.kv, {}, message_key(7, 9)), "? to mailbox number 7, UID 9");
}

TEST(SkipGiven, WhatWasAddedUpOfLostChangesIsBehindAllLaterOnes) {
  OpenedStore at;
  at.deliver(1, {"u@d"}, "12");
  const auto id = at.store->find_mailbox("u@d").value().id;
  at.kv.rows(kAccount)[usage_key("u@d", id, 0)] = encode(record::FoldedUsage{{}, 300});
  at.kv.rows(kAccount).erase(usage_key("u@d", id, 2));
  ASSERT_TRUE(skip_given(at.kv, 0).has_value());
  ASSERT_TRUE(at.open());
  at.deliver(2, {"u@d"}, "12");
  EXPECT_EQ(at.store->counts("u@d").value().messages, 1U);
}

}  // namespace
}  // namespace hikyaku::store
