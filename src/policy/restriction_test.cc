#include "policy/restriction.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "policy/dnsbl.h"
#include "policy/evaluation.h"
#include "policy/reply_words.h"
#include "table/given_tables.h"
#include "table/spec.h"

namespace hikyaku::policy {
namespace {

RestrictionList compile(std::string_view text, std::vector<RestrictionFault>& faults,
                        const RestrictionClasses& classes = {}) {
  table::GivenTables tables;
  tables.give("/t", "a OK\n");
  std::vector<table::Element> elements;
  std::uint32_t line = 1;
  for (const auto word : table::split_list(text)) elements.push_back({std::string(word), {1, line++}});
  return compile_restrictions(elements, classes, &tables, faults);
}

struct FaultCase {
  const char* name;
  std::string list;
  std::string text;  // of the fault
  unsigned line;
};
class Faulty : public testing::TestWithParam<FaultCase> {};

TEST_P(Faulty, is_told_with_its_place) {
  std::vector<RestrictionFault> faults;
  compile(GetParam().list, faults);
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_EQ(faults[0].text.substr(0, GetParam().text.size()), GetParam().text);
  EXPECT_EQ(faults[0].origin.line, GetParam().line);
}

INSTANTIATE_TEST_SUITE_P(
    , Faulty,
    testing::Values(
        FaultCase{"misspelt", "permit_mynetwork, reject", "unknown restriction \"permit_mynetwork\"", 1},
        FaultCase{"policy_server", "permit_mynetworks, check_policy_service inet:127.0.0.1:10023, reject",
                  "check_policy_service is not supported", 2},
        FaultCase{"probing", "reject_unverified_recipient", "reject_unverified_recipient is not supported",
                  1},
        FaultCase{"table_missing", "check_client_access", "check_client_access: there is nothing behind it",
                  1},
        FaultCase{"no_table", "check_client_access permit", "check_client_access: \"permit\" is no table", 1},
        FaultCase{"table_does_not_open", "check_client_access hash:/none", "no table hash:/none", 2},
        FaultCase{"domain_missing", "reject_rbl_client", "reject_rbl_client: there is nothing behind it", 1},
        FaultCase{"no_number", "sleep well", "sleep it needs a number", 2},
        FaultCase{"backup_mx_is_only_warned_of", "permit_mx_backup", "permit_mx_backup permits only", 1}),
    [](const auto& row) { return std::string(row.param.name); });

struct RelayCase {
  const char* name;
  std::string list;
  bool refuses;
};
class Relay : public testing::TestWithParam<RelayCase> {};
TEST_P(Relay, is_closed) {
  RestrictionClasses classes;
  std::vector<RestrictionFault> faults;
  classes.emplace("closed",
                  std::make_shared<const RestrictionList>(compile("permit_mynetworks reject", faults)));
  EXPECT_EQ(refuses_relaying(compile(GetParam().list, faults, classes)), GetParam().refuses);
}
INSTANTIATE_TEST_SUITE_P(
    , Relay,
    testing::Values(RelayCase{"by_reject_unauth_destination", "permit_mynetworks, reject_unauth_destination",
                              true},
                    RelayCase{"by_a_class", "closed", true},
                    RelayCase{"not_without", "permit_mynetworks", false},
                    RelayCase{"not_behind_permit", "permit, reject_unauth_destination", false},
                    RelayCase{"not_by_a_warning", "warn_if_reject reject_unauth_destination", false},
                    RelayCase{"not_when_empty", "", false}),
    [](const auto& row) { return std::string(row.param.name); });

struct FilterCase {
  const char* name;
  std::string filter, address;
  bool matches;
};
class Filter : public testing::TestWithParam<FilterCase> {};
TEST_P(Filter, matches) {
  EXPECT_EQ(matches_filter(GetParam().filter, GetParam().address), GetParam().matches);
}
INSTANTIATE_TEST_SUITE_P(, Filter,
                         testing::Values(FilterCase{"whole", "127.0.0.2", "127.0.0.2", true},
                                         FilterCase{"another", "127.0.0.2", "127.0.0.3", false},
                                         FilterCase{"range", "127.0.0.[2..11]", "127.0.0.11", true},
                                         FilterCase{"beyond_range", "127.0.0.[2..11]", "127.0.0.12", false},
                                         FilterCase{"several", "127.0.[0;1].[2;4..6]", "127.0.1.5", true},
                                         FilterCase{"malformed", "127.0.0.[", "127.0.0.2", false},
                                         FilterCase{"too_short", "127.0.0", "127.0.0.2", false},
                                         FilterCase{"too_long", "127.0.0.2.1", "127.0.0.2", false}),
                         [](const auto& row) { return std::string(row.param.name); });

struct TemplateCase {
  const char* name;
  std::string text, want;  // "-": malformed
};
class Template : public testing::TestWithParam<TemplateCase> {};
TEST_P(Template, expands) {
  const auto value = [](std::string_view name) -> std::optional<std::string> {
    if (name == "a") return "A";
    if (name == "empty") return "";
    return std::nullopt;
  };
  EXPECT_EQ(expand_template(GetParam().text, value).value_or("-"), GetParam().want);
}
INSTANTIATE_TEST_SUITE_P(
    , Template,
    testing::Values(TemplateCase{"name", "x $a.", "x A."}, TemplateCase{"braces", "${a}b", "Ab"},
                    TemplateCase{"parentheses", "$(a)b", "Ab"}, TemplateCase{"if_set", "${a?; $a}", "; A"},
                    TemplateCase{"if_set_but_empty", "${empty?x}", ""},
                    TemplateCase{"if_empty", "${empty:none}", "none"},
                    TemplateCase{"either", "${a?{yes}:{no}}${empty?{yes}:{no}}", "yesno"},
                    TemplateCase{"dollar", "$$5", "$5"}, TemplateCase{"unknown", "$b", "-"},
                    TemplateCase{"unclosed", "${a", "-"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(TemplateDepth, IsLimited) {
  std::string text = "$a";
  for (int i = 0; i < 30; ++i) text = "${a?" + text + "}";
  EXPECT_FALSE(expand_template(text, [](std::string_view) { return std::string("A"); }));
}

TEST(EnhancedCode, IsTakenOffTheFront) {
  EXPECT_EQ(split_enhanced("5.1.1 no such user", "5.7.1").enhanced, "5.1.1");
  EXPECT_EQ(split_enhanced("5.1.1 no such user", "5.7.1").text, "no such user");
  EXPECT_EQ(split_enhanced("5.1.1x", "5.7.1").enhanced, "5.7.1");
  EXPECT_EQ(split_enhanced("3.1.1 x", "5.7.1").text, "3.1.1 x");
  EXPECT_EQ(split_enhanced("", "4.7.1").enhanced, "4.7.1");
}

TEST(EnhancedCode, FitsWhatIsRefused) {
  EXPECT_EQ(fit_enhanced("5.1.1", subject::kSender), "5.1.7");
  EXPECT_EQ(fit_enhanced("5.1.5", subject::kSender), "5.1.0");
  EXPECT_EQ(fit_enhanced("5.1.2", subject::kSender), "5.1.8");
  EXPECT_EQ(fit_enhanced("5.1.8", subject::kRecipient), "5.1.2");
  EXPECT_EQ(fit_enhanced("5.1.6", subject::kRecipient), "5.1.6");
  EXPECT_EQ(fit_enhanced("4.1.1", subject::kHelo), "4.0.0");
  EXPECT_EQ(fit_enhanced("5.7.1", subject::kHelo), "5.7.1");
}

}  // namespace
}  // namespace hikyaku::policy
