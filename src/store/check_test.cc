#include "store/check.h"

#include <gtest/gtest.h>

#include "store/opened_store.h"

namespace hikyaku::store {
namespace {

using testing_support::kNow;
using testing_support::OpenedStore;
using Strings = std::vector<std::string>;

/// A store with one of everything.
struct Full : OpenedStore {
  Full() {
    deliver(1, {"u@d", "v@d"}, "Subject: one\r\n\r\n");
    deliver(2, {"u@d"}, "two");
    deliver(3, {"u@d"}, "large", true);
    deliver(4, {"u@d"}, "four");
    create("u@d/A");
    copy("u@d", {2}, "u@d/A");
    expunge("u@d", {4}, kNow);
    create("u@d/B");
    move("u@d/A", {1}, "u@d/B");
    remove("u@d/B");
  }
};

struct DamageCase {
  const char* name;
  void (*damage)(Full&);
  Strings problems;
  std::size_t left;  // after repair()
};
void PrintTo(const DamageCase& row, std::ostream* out) { *out << row.name; }

class Damage : public testing::TestWithParam<DamageCase> {};

TEST_P(Damage, IsNamedAndWhatFollowsFromTheMessagesIsMended) {
  Full at;
  ASSERT_EQ(at.problems(), Strings{});
  GetParam().damage(at);
  EXPECT_EQ(at.problems(), GetParam().problems);
  std::uint64_t mended = 0;
  const auto repaired =
      repair(at.kv, at.blob, [&](const Problem& one) { mended += one.mended ? 1U : 0U; }).value();
  EXPECT_EQ(repaired.problems, GetParam().problems.size());
  EXPECT_EQ(repaired.mended, mended);
  EXPECT_EQ(at.problems().size(), GetParam().left);
}

void flip(std::string& value) { value[1] = static_cast<char>(value[1] ^ 1); }

INSTANTIATE_TEST_SUITE_P(
    , Damage,
    testing::Values(
        DamageCase{"none", [](Full&) {}, {}, 0},
        DamageCase{"a_body_that_is_missing",
                   [](Full& at) { at.kv.rows(kBody).erase(message_key(1, 2)); },
                   {"no body u@d 2: its body is missing"},
                   1},
        DamageCase{"a_body_that_is_cut",
                   [](Full& at) { at.kv.rows(kBody)[message_key(1, 2)] = "t"; },
                   {"no body u@d 2: its body has 1 octets of 3"},
                   1},
        DamageCase{"a_blob_that_is_missing",
                   [](Full& at) { (void)at.blob.remove("blob3"); },
                   {"no body u@d 3: no blob blob3"},
                   1},
        DamageCase{"a_count_of_references",
                   [](Full& at) { at.kv.rows(kReferences)[message_key(1, 1)] = "\x03"; },
                   {"references u@d 1: its body has 2 messages, counted are 3"},
                   0},
        DamageCase{"a_count_of_references_that_is_missing",
                   [](Full& at) { at.kv.rows(kReferences).erase(message_key(1, 1)); },
                   {"references u@d 1: how many messages its body has is not counted"},
                   0},
        DamageCase{"a_body_that_nobody_has",
                   [](Full& at) { at.kv.rows(kBody)["zzz"] = "x"; },
                   {"unused  0: a body that no message has"},
                   0},
        DamageCase{"a_file_that_is_not_listed",
                   [](Full& at) { at.kv.rows(kFile).erase("blob3"); },
                   {"references u@d 3: its body 'blob3' is not listed rightly among those that are "
                    "files"},
                   0},
        DamageCase{"a_file_that_is_listed_with_another_size",
                   [](Full& at) { at.kv.rows(kFile)["blob3"] = "\x04"; },
                   {"references u@d 3: its body 'blob3' is not listed rightly among those that are "
                    "files"},
                   0},
        DamageCase{"a_file_that_is_listed_and_nobodys",
                   [](Full& at) { at.kv.rows(kFile)["blob9"] = "\x04"; },
                   {"unused  0: the size of a body that no message has"},
                   0},
        DamageCase{"an_envelope_that_cant_be_read",
                   [](Full& at) { flip(at.kv.rows(kEnvelope)[message_key(1, 1)]); },
                   {"unused u@d 1: its envelope can't be read; without it, it is read from the message"},
                   0},
        DamageCase{"usage",
                   [](Full& at) {
                     at.kv.rows(kAccount)[usage_key("v@d", 2, 0)] = encode(Usage{5, 1});
                   },
                   {"usage v@d 0: it has 1 messages, 1 unseen, of 16 octets; kept are 2 messages, "
                    "1 unseen, of 21 octets"},
                   0},
        DamageCase{"usage_of_a_change_that_is_said_to_be_added_up",
                   [](Full& at) {
                     auto& rows = at.kv.rows(kAccount);
                     rows[usage_key("v@d", 2, 0)] = encode(record::FoldedUsage{{}, 9});
                   },
                   {"usage v@d 0: changes that are said to be added up have rows of their own"},
                   0},
        DamageCase{"a_change_that_is_missing",
                   [](Full& at) { at.kv.rows(kChange).erase(changed_key(2, 2, 1)); },
                   {"changes v@d 1: clients are not told of its last change"},
                   0},
        DamageCase{"a_change_too_many",
                   [](Full& at) { at.kv.rows(kChange)[changed_key(2, 9, 1)] = {}; },
                   {"changes v@d 1: clients are told of a change that is not its last"},
                   0},
        DamageCase{"a_removal_without_its_time",
                   [](Full& at) { at.kv.rows(kRemoved).erase(removal_key(kNow, 1, 4)); },
                   {"removal u@d 4: it was removed, but would never be purged"},
                   0},
        DamageCase{"a_removal_without_its_message",
                   [](Full& at) { at.kv.rows(kRemoved)[removal_key(kNow, 1, 9)] = {}; },
                   {"removal u@d 9: the time of its removal is kept, but not the message"},
                   0},
        DamageCase{"a_uid_floor_that_is_too_low",
                   [](Full& at) { at.kv.rows(kDelivery)["later"] = message_key(2, 7); },
                   {"UID floor v@d 7: it was given, and 2 would be given next"},
                   0}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Check, AMessageThatCantBeReadKeepsAllThatMightBeIts) {
  Full at;
  flip(at.kv.rows(kMessage)[message_key(1, 2)]);
  const auto before = at.problems();
  EXPECT_EQ(before.front().substr(0, 16), "unreadable u@d 2");
  EXPECT_GT(before.size(), 1U);
  const auto body = at.kv.rows(kBody).size();
  ASSERT_TRUE(repair(at.kv, at.blob, [](const Problem&) {}));
  EXPECT_EQ(at.kv.rows(kBody).size(), body);
}

TEST(Check, TellsOfABodyWhatWhoVerifiedItFound) {
  Full at;
  Strings told;
  const auto report = [&](const Problem& one) {
    told.push_back(one.mailbox + ' ' + std::to_string(one.uid) + ": " + one.text);
  };
  ASSERT_TRUE(check(at.kv, at.blob, report, [](const std::string& name) -> Result<void> {
    return fail(Fault::corrupt, name + " was damaged");
  }));
  EXPECT_EQ(told, Strings{"u@d 3: blob3 was damaged"});
}

TEST(Check, AMessageOfNoMailboxIsNamedAndItsBodyKept) {
  Full at;
  at.kv.rows(kMailbox).erase("v@d");
  Strings kinds;
  ASSERT_TRUE(check(at.kv, at.blob, [&](const Problem& one) { kinds.emplace_back(text(one.kind)); }));
  EXPECT_EQ(kinds, (Strings{"no mailbox", "unused", "usage"}));
}

TEST(Repair, AMailboxWhoseRowIsLostHasItsNameAgainByWhoGotMailInIt) {
  Full at;
  const auto before = at.contents("v@d");
  at.kv.rows(kMailbox).erase("v@d");
  ASSERT_TRUE(at.open());
  Strings told;
  ASSERT_TRUE(repair(at.kv, at.blob, [&](const Problem& one) {
                if (one.kind == Problem::Kind::no_mailbox) told.push_back(one.mailbox);
                EXPECT_TRUE(one.mended) << one.text;
              }).has_value());
  EXPECT_EQ(told, Strings{"v@d"});
  ASSERT_TRUE(at.open());
  EXPECT_EQ(at.contents("v@d"), before);
  EXPECT_EQ(at.problems(), Strings{});
}

TEST(Repair, ALostNameThatHasBeenGivenToANewMailboxStaysWithThat) {
  Full at;
  const auto before = at.contents("v@d");
  at.kv.rows(kMailbox).erase("v@d");
  ASSERT_TRUE(at.open());
  EXPECT_FALSE(at.deliver(9, {"v@d"}, "new").empty());
  ASSERT_TRUE(repair(at.kv, at.blob, [](const Problem&) {}).has_value());
  ASSERT_TRUE(at.open());
  EXPECT_EQ(at.contents("v@d"), Strings{"1 new"});
  Strings found;
  for (const auto& name : at.names()) {
    if (name.starts_with("v@d/")) found = at.contents(name);
  }
  EXPECT_EQ(found, before);
  EXPECT_EQ(at.problems(), Strings{});
}

}  // namespace
}  // namespace hikyaku::store
