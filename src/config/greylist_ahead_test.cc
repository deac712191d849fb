#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "config/greylist_conf.h"
#include "config/greylist_situation_for_tests.h"
#include "greylist/evaluation.h"

// What rules ask the DNS ahead.

namespace hikyaku::config {
namespace {

using namespace greylist;
using namespace for_tests;
using testing::ElementsAre;

constexpr const char* kLists =
    "dnsrbl \"A\" a.bl 127.0.0.2\ndnsrbl \"B\" b.bl 127.0.0.2\ndnsrbl \"C\" c.bl 127.0.0.2\n"
    "list \"any\" dnsrbl { \"A\" \"B\" \"C\" }\n";

struct AheadCase {
  const char* name;
  const char* rules;
  const char* asked;
};
void PrintTo(const AheadCase& row, std::ostream* out) { *out << row.rules; }
class GreylistAhead : public testing::TestWithParam<AheadCase> {};

TEST_P(GreylistAhead, asks) {
  Situation situation;
  EXPECT_EQ(asked(look_at(Rules(std::string(kLists) + GetParam().rules), situation)), GetParam().asked);
}

INSTANTIATE_TEST_SUITE_P(
    , GreylistAhead,
    testing::Values(
        AheadCase{"clauses_of_a_rule", "racl blacklist dnsrbl \"A\" dnsrbl \"B\"\n",
                  "7.2.0.192.a.bl / 7.2.0.192.b.bl"},
        AheadCase{"rules_after_it", "racl whitelist dnsrbl \"A\"\nracl blacklist not dnsrbl \"B\"\n",
                  "7.2.0.192.a.bl / 7.2.0.192.b.bl"},
        AheadCase{"elements_of_a_list", "racl blacklist list \"any\"\n",
                  "7.2.0.192.a.bl / 7.2.0.192.b.bl 7.2.0.192.c.bl"},
        AheadCase{"the_same_once", "racl whitelist dnsrbl \"A\"\nracl blacklist list \"any\"\n",
                  "7.2.0.192.a.bl / 7.2.0.192.b.bl 7.2.0.192.c.bl"},
        AheadCase{"servers_and_spf",
                  "racl blacklist dnsrbl \"A\"\nracl whitelist mx /24\nracl whitelist spf pass\n",
                  "7.2.0.192.a.bl / a.example a.example"},
        AheadCase{
            "no_clause_behind_one_that_does_not_hold",
            "racl blacklist dnsrbl \"A\" domain c.example dnsrbl \"B\"\nracl whitelist geoip \"CN\" dnsrbl "
            "\"C\"\n",
            "7.2.0.192.a.bl /"},
        AheadCase{
            "nothing_after_a_rule_that_decides",
            "racl blacklist dnsrbl \"A\"\nracl whitelist domain a.example\nracl blacklist dnsrbl \"B\"\n",
            "7.2.0.192.a.bl /"},
        AheadCase{
            "after_a_rule_that_only_goes_on",
            "racl blacklist dnsrbl \"A\"\nracl continue domain a.example\nracl blacklist dnsrbl \"B\"\n",
            "7.2.0.192.a.bl / 7.2.0.192.b.bl"},
        AheadCase{"no_check",
                  "urlcheck \"u\" \"http://localhost/\" 5\nracl blacklist dnsrbl \"A\" urlcheck \"u\" dnsrbl "
                  "\"B\"\n",
                  "7.2.0.192.a.bl / 7.2.0.192.b.bl"},
        AheadCase{
            "the_dns_during_a_check",
            "urlcheck \"u\" \"http://localhost/\" 5\nracl blacklist urlcheck \"u\" urlcheck \"u\" dnsrbl "
            "\"B\"\n",
            "http://localhost/ / 7.2.0.192.b.bl"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(GreylistAsking, DoesNotWaitForAnswersThatMakeNoDifference) {
  Situation situation;
  situation.dns("a.example", DnsQuestion::Type::mx, {"in.a.example", "far.a.example"});
  situation.dns("far.a.example", DnsQuestion::Type::a, {"192.0.2.200"});
  const Rules rules(std::string(kLists) + "racl blacklist mx /24 dnsrbl \"A\"\n");
  EXPECT_EQ(asked(look_at(rules, situation)), "7.2.0.192.a.bl /") << "in.a.example need not be known";
}

TEST(GreylistAsking, AsksABoundedNumberOfQuestionsAhead) {
  Situation situation;
  std::string text;
  for (int i = 0; i < 40; ++i) {
    const auto name = std::to_string(i);
    text += "dnsrbl \"" + name + "\" " + name + ".bl 127.0.0.2\nracl blacklist dnsrbl \"" + name + "\"\n";
  }
  const auto result = look_at(Rules(text), situation);
  const auto& open = std::get<Questions>(result);
  EXPECT_EQ(open.dns.size(), 1U);
  EXPECT_EQ(open.ahead.size(), kMostAsked - 1);
}

TEST(GreylistAsking, LeavesNothingBehindOfAWalkThatAskedAhead) {
  Situation situation;
  const Rules rules(std::string(kLists) +
                    "racl continue set $n += 1 log \"first\"\nracl whitelist dnsrbl \"A\"\n"
                    "racl continue set $n += 1 log \"second\"\nracl blacklist $n == 2\n");
  EXPECT_EQ(asked(look_at(rules, situation)), "7.2.0.192.a.bl /");
  situation.dns("7.2.0.192.a.bl", DnsQuestion::Type::a, {"127.0.0.2"});
  const auto decision = decide(rules, situation);
  EXPECT_EQ(outcome(decision), "whitelist by line 6");
  EXPECT_THAT(decision.log_lines, ElementsAre("first"));
  EXPECT_EQ(decision.properties.find("n"), "1");
}

}  // namespace
}  // namespace hikyaku::config
