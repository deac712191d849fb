#include "policy/retention.h"

#include <gtest/gtest.h>

#include "table/given_tables.h"

namespace hikyaku::policy {
namespace {

using std::chrono::hours;
using Strings = std::vector<std::string>;
constexpr Time kNow{std::chrono::seconds{1'795'564'100}};
constexpr hours kDay{24};

/// "expire 2592000s seen; retain 60s": what a value was understood as; or what is wrong with it.
std::string read(std::string_view value) {
  const auto rule = RetentionRule::parse(value);
  if (!rule) return "! " + rule.error().text;
  std::string text;
  if (rule->removals) {
    for (const auto& one : *rule->removals) {
      text += one.kind == Removal::Kind::expire ? "expire " + std::to_string(one.age.count()) + "s"
                                                : "most " + std::to_string(one.most);
      text += std::string(one.seen_only ? " seen" : "") + (one.flagged_too ? " flagged" : "") + "; ";
    }
    if (rule->removals->empty()) text += "never; ";
  }
  if (rule->retain) text += rule->hold ? "hold" : "retain " + std::to_string(rule->retain->count()) + "s";
  return text;
}

struct ValueCase {
  const char* name;
  const char* value;
  const char* meaning;
};
void PrintTo(const ValueCase& row, std::ostream* out) { *out << row.value; }
class RetentionValue : public testing::TestWithParam<ValueCase> {};

TEST_P(RetentionValue, means) { EXPECT_EQ(read(GetParam().value), GetParam().meaning); }

constexpr const char* kTwice = "another clause says already what is removed";
INSTANTIATE_TEST_SUITE_P(
    , RetentionValue,
    testing::Values(
        ValueCase{"an_age", "expire 30d", "expire 2592000s; "},
        ValueCase{"every_unit", "expire 1s,expire 1m,expire 1h,expire 1w,expire 1y",
                  "expire 1s; expire 60s; expire 3600s; expire 604800s; expire 31536000s; "},
        ValueCase{"read_ones_sooner", "expire 30d seen, expire 1y flagged",
                  "expire 2592000s seen; expire 31536000s flagged; "},
        ValueCase{"both_conditions", " expire\t30d  flagged seen ", "expire 2592000s seen flagged; "},
        ValueCase{"a_number", "most 1000", "most 1000; "},
        ValueCase{"kept_for_years", "expire 90d, retain 7y", "expire 7776000s; retain 220752000s"},
        ValueCase{"held", "hold", "hold"},
        ValueCase{"held_and_removed", "expire 1d, hold", "expire 86400s; hold"},
        ValueCase{"never", "expire never", "never; "},
        ValueCase{"none_answers_both", "none", "never; retain 0s"},
        ValueCase{"no_unit", "expire 30",
                  R"(! "expire 30": expire wants an age, such as 30d or 1y, or never)"},
        ValueCase{"zero", "expire 0d", R"(! "expire 0d": expire wants an age, such as 30d or 1y, or never)"},
        ValueCase{"too_long", "retain 201y", R"(! "retain 201y": retain wants an age, such as 7y)"},
        ValueCase{"past_64_bits", "retain 99999999999999999999y",
                  R"(! "retain 99999999999999999999y": retain wants an age, such as 7y)"},
        ValueCase{"minus", "expire -1d",
                  R"(! "expire -1d": expire wants an age, such as 30d or 1y, or never)"},
        ValueCase{"most_zero", "most 0", R"(! "most 0": most wants a number of messages from 1 to 1000000)"},
        ValueCase{"most_of_nothing", "most",
                  R"(! "most": most wants a number of messages from 1 to 1000000)"},
        ValueCase{"another_condition", "expire 30d unseen",
                  R"(! "expire 30d unseen": after it may stand seen and flagged, each once)"},
        ValueCase{"a_condition_twice", "expire 30d seen seen",
                  R"(! "expire 30d seen seen": after it may stand seen and flagged, each once)"},
        ValueCase{"never_with_a_condition", "expire never seen",
                  R"(! "expire never seen": expire wants an age, such as 30d or 1y, or never)"},
        ValueCase{"two_mosts", "most 1, most 2", R"(! " most 2": there is another most)"},
        ValueCase{"an_empty_clause", "expire 30d,", "! a clause is empty"},
        ValueCase{"nothing", "", "! a clause is empty"},
        ValueCase{"another_word", "delete 30d",
                  R"(! "delete 30d": no clause begins so: expire, most, retain, hold and none do)"},
        ValueCase{"hold_with_an_age", "hold 7y", R"(! "hold 7y": hold stands alone)"},
        ValueCase{"hold_and_retain", "hold, retain 7y",
                  R"(! " retain 7y": another clause says already how long removed mail is kept)"},
        ValueCase{"octets_of_a_terminal", "\x1b[2J",
                  R"(! "\x1b[2J": no clause begins so: expire, most, retain, hold and none do)"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(RetentionClauses, no_clause_may_say_the_contrary_of_another) {
  for (const char* value : {"expire never, expire 1d", "expire 1d, expire never", "none, most 3",
                            "expire 1d, none", "none, none"}) {
    EXPECT_NE(read(value).find(kTwice), std::string::npos) << value;
  }
}

TEST(RetentionClauses, has_a_limited_number_of_clauses) {
  std::string value = "expire 1d";
  for (int i = 1; i < 16; ++i) value += ",expire 2d";
  EXPECT_TRUE(RetentionRule::parse(value));
  EXPECT_EQ(read(value + ",expire 3d"), "! more than 16 clauses");
}

Strings keys(std::string_view account, std::string_view folder) {
  Strings all;
  for (const auto& [key, part] : retention_keys(account, folder))
    all.push_back(key + (part == table::KeyPart::whole ? " (whole)" : ""));
  return all;
}

TEST(RetentionKeys, go_from_the_most_special_to_the_most_general) {
  EXPECT_EQ(keys("joe@a.example", "Archive/2026"),
            (Strings{"joe@a.example/Archive/2026 (whole)", "joe@a.example/Archive", "joe@a.example",
                     "@a.example/Archive/2026", "@a.example/Archive", "/Archive/2026", "/Archive",
                     "@a.example", "*"}));
}
TEST(RetentionKeys, call_the_account_s_own_mailbox_INBOX) {
  EXPECT_EQ(keys("joe@a.example", ""), (Strings{"joe@a.example/INBOX", "joe@a.example (whole)",
                                                "@a.example/INBOX", "/INBOX", "@a.example", "*"}));
}
TEST(RetentionKeys, of_a_local_user_have_no_domain) {
  EXPECT_EQ(keys("joe", "Trash"), (Strings{"joe/Trash (whole)", "joe", "/Trash", "*"}));
}

class RetentionLookup : public testing::Test {
 protected:
  /// "expire 1d; hold" that are in force, with the keys that gave them.
  std::string found(const std::string& text, std::string_view account, std::string_view folder,
                    const char* type = "hash") {
    tables.give("/expire", text);
    const auto maps = table::Maps::open({{std::string(type) + ":/expire", {}}}, tables);
    if (!maps) return maps.error().text;
    trail.clear();
    const auto rule = RetentionMaps(*maps, sources).find(account, folder, &trail);
    if (!rule) return "! " + rule.error().text;
    std::string out;
    for (const auto& one : rule->removals) out += one.text + "; ";
    if (rule->removal_source)
      out += rule->removal_source->key + ":" + std::to_string(rule->removal_source->origin.line);
    if (rule->retain_source) {
      out += (rule->hold ? " hold " : " retain " + std::to_string(rule->retain.count()) + " ") +
             rule->retain_source->key;
    }
    return out;
  }
  table::GivenTables tables;
  std::shared_ptr<SourceCatalogue> sources = std::make_shared<SourceCatalogue>();
  KeyTrail trail;
};

TEST_F(RetentionLookup, takes_the_first_key_that_answers) {
  const auto text = "@a.example expire 90d\n/Trash expire 30d\njoe@a.example/Trash expire 7d\n";
  EXPECT_EQ(found(text, "joe@a.example", "Trash/Old"), "expire 7d; joe@a.example/Trash:3");
  EXPECT_EQ(found(text, "ann@a.example", "Trash"), "expire 30d; /Trash:2");
  EXPECT_EQ(found(text, "ann@a.example", ""), "expire 90d; @a.example:1");
  EXPECT_EQ(found(text, "ann@b.example", ""), "");
  EXPECT_EQ(trail.joined(), std::string("ann@b.example/INBOX\0ann@b.example\0@b.example/INBOX\0/INBOX\0"
                                        "@b.example\0*",
                                        70));
}
TEST_F(RetentionLookup, a_special_key_that_only_removes_does_not_end_a_hold) {
  EXPECT_EQ(found("/Trash expire 30d\nlaw@a.example hold\n* retain 1y\n", "law@a.example", "Trash"),
            "expire 30d; /Trash:1 hold law@a.example");
  EXPECT_EQ(found("/Trash expire 30d\nlaw@a.example hold\n* expire 1y\n", "law@a.example", ""),
            "expire 1y; *:3 hold law@a.example");
}
TEST_F(RetentionLookup, none_ends_both) {
  EXPECT_EQ(found("joe@a.example/News none\n* expire 1d, hold\n", "joe@a.example", "News"),
            "joe@a.example/News:1 retain 0 joe@a.example/News");
}
TEST_F(RetentionLookup, patterns_are_tried_with_the_mailbox_s_own_name_alone) {
  EXPECT_EQ(found("/./ expire 1d\n", "joe@a.example", "News/Old", "regexp"),
            "expire 1d; joe@a.example/News/Old:1");
  EXPECT_EQ(found("/^joe@a.example$/ expire 1d\n", "joe@a.example", "", "regexp"),
            "expire 1d; joe@a.example:1");
  EXPECT_EQ(found("/^@/ expire 1d\n", "joe@a.example", "", "regexp"), "");
}
TEST_F(RetentionLookup, a_value_that_is_none_is_told_with_its_line) {
  for (const char* name : {"1", "2", "3", "4", "5", "6"}) (void)sources->add(name);
  EXPECT_EQ(sources->add("/expire"), table::GivenTables::kFile);
  EXPECT_EQ(
      found("# rules\njoe@a.example expire soon\n", "joe@a.example", ""),
      R"(! /expire:2: the value of joe@a.example: "expire soon": expire wants an age, such as 30d or 1y, or never)");
}
TEST_F(RetentionLookup, a_table_that_can_t_answer_is_an_error) {
  const auto maps = table::Maps::open({{"fail:down", {}}}, tables);
  const auto rule = RetentionMaps(*maps, sources).find("joe@a.example", "", nullptr);
  ASSERT_FALSE(rule);
  EXPECT_EQ(rule.error().fault, Fault::temporary);
}

struct DecisionCase {
  const char* name;
  const char* rule;
  RetentionFacts facts;
  const char* by;                           ///< the clause that removes it; empty: none
  const char* why_kept;                     ///< of each clause, when none does
  std::optional<std::chrono::seconds> due;  ///< from kNow on
};
void PrintTo(const DecisionCase& row, std::ostream* out) { *out << row.name; }
class RetentionDecision : public testing::TestWithParam<DecisionCase> {};

TEST_P(RetentionDecision, removes_or_tells_what_kept_it) {
  const auto& row = GetParam();
  const auto rule = RetentionRule::parse(row.rule);
  ASSERT_TRUE(rule && rule->removals);
  const auto* by = decide(*rule->removals, row.facts, kNow);
  EXPECT_EQ(by != nullptr ? by->text : "", row.by);
  if (by == nullptr) EXPECT_EQ(why_kept(*rule->removals, row.facts, kNow), row.why_kept);
  const auto due = falls_due(*rule->removals, row.facts);
  EXPECT_EQ(due.has_value(), row.due.has_value());
  if (due && row.due) EXPECT_EQ(*due, kNow + *row.due);
}

INSTANTIATE_TEST_SUITE_P(
    , RetentionDecision,
    testing::Values(
        DecisionCase{
            "old_enough_to_the_second", "expire 30d", {kNow - 30 * kDay}, "expire 30d", "", hours{0}},
        DecisionCase{"a_second_too_young",
                     "expire 30d",
                     {kNow - 30 * kDay + std::chrono::seconds{1}},
                     "",
                     "expire 30d: came 2026-10-25T23:48:21Z, too young until 2026-11-24T23:48:21Z",
                     std::chrono::seconds{1}},
        DecisionCase{"from_the_future",
                     "expire 30d",
                     {kNow + 365 * kDay},
                     "",
                     "expire 30d: came 2027-11-24T23:48:20Z, too young until 2027-12-24T23:48:20Z",
                     395 * kDay},
        DecisionCase{
            "flagged_stays", "expire 30d", {kNow - 40 * kDay, true, true}, "", "expire 30d: is flagged", {}},
        DecisionCase{"flagged_too",
                     "expire 30d flagged",
                     {kNow - 40 * kDay, true, true},
                     "expire 30d flagged",
                     "",
                     -10 * kDay},
        DecisionCase{"unread_stays",
                     "expire 30d seen",
                     {kNow - 40 * kDay},
                     "",
                     "expire 30d seen: was not read yet",
                     {}},
        DecisionCase{"the_second_clause_takes_it",
                     "expire 30d seen, expire 90d",
                     {kNow - 100 * kDay},
                     "expire 90d",
                     "",
                     -10 * kDay},
        DecisionCase{
            "each_clause_tells",
            "expire 30d seen, expire 90d",
            {kNow - 40 * kDay},
            "",
            "expire 30d seen: was not read yet; expire 90d: came 2026-10-15T23:48:20Z, too young until "
            "2027-01-13T23:48:20Z",
            50 * kDay},
        DecisionCase{
            "among_the_newest", "most 10", {kNow - 999 * kDay}, "", "most 10: is among the newest 10", {}},
        DecisionCase{"not_among_the_newest", "most 10", {kNow, false, false, false}, "most 10", "", {}},
        DecisionCase{"not_among_the_newest_and_flagged",
                     "most 10",
                     {kNow, false, true, false},
                     "",
                     "most 10: is flagged",
                     {}},
        DecisionCase{"a_time_that_no_age_can_be_added_to",
                     "expire 1d",
                     {Time::max()},
                     "",
                     "expire 1d: came 294247-01-10T04:00:54Z, too young",
                     {}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(RetentionDecisionAlone, takes_a_message_of_before_all_times) {
  const auto rule = RetentionRule::parse("expire 1d").value();
  EXPECT_NE(decide(*rule.removals, {Time::min()}, kNow), nullptr);
}

TEST(RetentionOfRemovedMail, is_the_longer_of_rule_and_lifetime_or_for_ever) {
  Retention rule;
  EXPECT_EQ(rule.purge_before(14 * kDay, kNow), kNow - 14 * kDay);
  rule.retain = 7 * kDay;
  EXPECT_EQ(rule.purge_before(14 * kDay, kNow), kNow - 14 * kDay);
  EXPECT_EQ(rule.purge_before(hours{0}, kNow), kNow - 7 * kDay);
  rule.hold = true;
  EXPECT_EQ(rule.purge_before(14 * kDay, kNow), std::nullopt);
}

}  // namespace
}  // namespace hikyaku::policy
