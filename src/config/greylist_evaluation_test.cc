#include "greylist/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "config/greylist_conf.h"
#include "config/greylist_situation_for_tests.h"
#include "greylist/tuple.h"

// What rules decide, the rules written as in greylist.conf.

namespace hikyaku::config {
namespace {

using namespace greylist;
using namespace for_tests;
using testing::ElementsAre;
using testing::IsEmpty;

struct ClauseCase {
  const char* name;
  const char* clauses;
  bool holds;
  void (*change)(Situation&) = [](Situation&) {};
};
void PrintTo(const ClauseCase& row, std::ostream* out) { *out << row.clauses; }
class GreylistClause : public testing::TestWithParam<ClauseCase> {};

constexpr const char* kDefinitions =
    "dnsrbl \"SBL\" sbl.example 127.0.0.2/31\n"
    "sm_macro \"yes\" \"{spam}\" \"yes\"\n"
    "sm_macro \"like\" \"{spam}\" /^Y/\n"
    "sm_macro \"unset\" \"{spam}\" unset\n"
    "ratelimit \"few\" rcpt 2 / 1m\n"
    "ratelimit \"octets\" data 3k / 1m key \"%sf\"\n"
    "list \"friends\" from { x@y.example joe@a.example }\n"
    "list \"nets\" addr { 198.51.100.0/24 2001:db8::/32 }\n";

TEST_P(GreylistClause, holds) {
  Situation situation;
  GetParam().change(situation);
  const Rules rules(std::string(kDefinitions) + std::string(text(stage_of(situation))) + " blacklist " +
                    GetParam().clauses + "\n" + std::string(text(stage_of(situation))) +
                    " whitelist default\n");
  EXPECT_EQ(outcome(decide(rules, situation)),
            GetParam().holds ? "blacklist by line 9" : "whitelist by line 10");
}

constexpr auto kAtTheEnd = [](Situation& one) { one.at_the_end(); };

INSTANTIATE_TEST_SUITE_P(
    Session, GreylistClause,
    testing::Values(
        ClauseCase{"addr_itself", "addr 192.0.2.7", true},
        ClauseCase{"addr_network", "addr 192.0.0.0/16", true},
        ClauseCase{"addr_other", "addr 192.0.2.8", false},
        ClauseCase{"addr_not_other", "not addr 192.0.2.8", true},
        ClauseCase{"addr_v6", "addr 2001:db8::/32", true,
                   [](Situation& one) { one.facts.client = table::Ip::parse("2001:db8::7"); }},
        ClauseCase{"addr_v6_of_v4", "addr ::/0", false},
        ClauseCase{"addr_mapped", "addr 192.0.2.0/24", true,
                   [](Situation& one) { one.facts.client = table::Ip::parse("::ffff:192.0.2.7"); }},
        ClauseCase{"addr_without_one", "addr 0.0.0.0/0", false,
                   [](Situation& one) { one.facts.client.reset(); }},
        ClauseCase{"domain_whole", "domain mx.a.example", true},
        ClauseCase{"domain_end", "domain A.Example", true},
        ClauseCase{"domain_end_within_a_label", "domain ample", true},
        ClauseCase{"domain_longer", "domain x.mx.a.example", false},
        ClauseCase{"domain_expression", "domain /^MX\\./", true},
        ClauseCase{"domain_of_a_client_without_a_name", "domain /^\\[/", true,
                   [](Situation& one) { one.facts.client_name = "[192.0.2.7]"; }},
        ClauseCase{"helo_without_case", "helo \"helo.a.EXAMPLE\"", true},
        ClauseCase{"helo_not_a_part", "helo \"a.example\"", false},
        ClauseCase{"helo_is_the_clients_name", "helo \"%d\"", true,
                   [](Situation& one) { one.facts.helo = "mx.a.example"; }},
        ClauseCase{"helo_expression", "helo /^helo/", true},
        ClauseCase{"from_behind_the_last_equals_sign", "from joe@A.EXAMPLE", true},
        ClauseCase{"from_not_as_it_came", "from prvs=1=joe@a.example", false},
        ClauseCase{"from_expression_sees_brackets", "from /^<joe@/", true},
        ClauseCase{"from_null_sender", "from /^<>$/", true, [](Situation& one) { one.facts.sender = "<>"; }},
        ClauseCase{"rawfrom_as_it_came", "rawfrom prvs=1=joe@a.example", true},
        ClauseCase{"rawfrom_expression", "rawfrom /=1=/", true},
        ClauseCase{"rcpt_itself", "rcpt KIM@b.example", true},
        ClauseCase{"rcpt_other", "rcpt lee@b.example", false},
        ClauseCase{"rcpt_at_the_end_is_any", "rcpt lee@b.example", true, kAtTheEnd},
        ClauseCase{"rcpt_at_the_end_none", "rcpt joe@b.example", false, kAtTheEnd},
        ClauseCase{"auth_none", "auth /./", false},
        ClauseCase{"auth_exactly", "auth \"Joe\"", false,
                   [](Situation& one) { one.macros.emplace_back("{auth_authen}", "joe"); }},
        ClauseCase{"auth_expression", "auth /JOE/", true,
                   [](Situation& one) { one.macros.emplace_back("{auth_authen}", "joe"); }},
        ClauseCase{"tls_verified", "tls \"CN=a\"", true,
                   [](Situation& one) {
                     one.macros.emplace_back("{verify}", "OK");
                     one.macros.emplace_back("{cert_subject}", "CN=a");
                   }},
        ClauseCase{"tls_not_verified", "tls \"CN=a\"", false,
                   [](Situation& one) {
                     one.macros.emplace_back("{verify}", "FAIL");
                     one.macros.emplace_back("{cert_subject}", "CN=a");
                   }},
        ClauseCase{"geoip", "geoip \"JP\"", true}, ClauseCase{"geoip_other", "geoip \"CN\"", false},
        ClauseCase{"geoip_without_a_database", "not geoip \"CN\"", true,
                   [](Situation& one) { one.facts.country.clear(); }},
        ClauseCase{"time_now", "time \"* 8-18 * * *\"", true},
        ClauseCase{"time_later", "time \"* 13 * * *\"", false},
        ClauseCase{"rcptcount", "rcptcount >= 1", false},
        ClauseCase{"rcptcount_of_accepted", "rcptcount == 2", true, kAtTheEnd},
        ClauseCase{"macro_exactly", "sm_macro \"yes\"", true,
                   [](Situation& one) { one.macros.emplace_back("{spam}", "yes"); }},
        ClauseCase{"macro_expression", "sm_macro \"like\"", true,
                   [](Situation& one) { one.macros.emplace_back("{spam}", "yes"); }},
        ClauseCase{"macro_unset", "sm_macro \"unset\"", true},
        ClauseCase{"macro_set", "sm_macro \"unset\"", false,
                   [](Situation& one) { one.macros.emplace_back("{spam}", "yes"); }},
        ClauseCase{"list_of_addresses", "list \"friends\"", true},
        ClauseCase{"list_of_networks", "list \"nets\"", false},
        ClauseCase{"not_in_a_list", "not list \"nets\"", true},
        ClauseCase{"all_of_several", "addr 192.0.2.7 domain a.example not rcpt lee@b.example", true},
        ClauseCase{"one_of_several_does_not", "addr 192.0.2.7 domain c.example", false}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Message, GreylistClause,
    testing::Values(ClauseCase{"header_within_a_line", "header \"Cheap\"", true, kAtTheEnd},
                    ClauseCase{"header_exactly", "header \"cheap\"", false, kAtTheEnd},
                    ClauseCase{"header_expression", "header /^x-spam: yes/", true, kAtTheEnd},
                    ClauseCase{"body_within_a_piece", "body \"never\"", true, kAtTheEnd},
                    ClauseCase{"body_expression_at_a_line", "body /^or never/", true, kAtTheEnd},
                    ClauseCase{"body_is_no_header", "body \"Subject\"", false, kAtTheEnd},
                    ClauseCase{"msgsize", "msgsize > 1k", true, kAtTheEnd},
                    ClauseCase{"msgsize_equal", "msgsize == 2000", true, kAtTheEnd},
                    ClauseCase{"msgsize_not", "msgsize != 2000", false, kAtTheEnd},
                    ClauseCase{"body_property", "set $needle = \"Buy\" body $needle", true, kAtTheEnd},
                    ClauseCase{"body_property_as_expression", "set $needle = \"/^buy/\" body $needle", true,
                               kAtTheEnd},
                    ClauseCase{"header_property_unset", "header $needle", false, kAtTheEnd},
                    ClauseCase{"dkim", "dkim pass", true,
                               [](Situation& one) {
                                 one.at_the_end();
                                 one.answers.dkim = SpfWord::pass;
                               }},
                    ClauseCase{"dkim_not_checked", "not dkim pass", false, kAtTheEnd}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Dns, GreylistClause,
    testing::Values(
        ClauseCase{
            "listed", "dnsrbl \"SBL\"", true,
            [](Situation& one) { one.dns("7.2.0.192.sbl.example", DnsQuestion::Type::a, {"127.0.0.3"}); }},
        ClauseCase{
            "listed_for_something_else", "dnsrbl \"SBL\"", false,
            [](Situation& one) { one.dns("7.2.0.192.sbl.example", DnsQuestion::Type::a, {"127.0.0.4"}); }},
        ClauseCase{"not_listed", "not dnsrbl \"SBL\"", true,
                   [](Situation& one) {
                     one.dns("7.2.0.192.sbl.example", DnsQuestion::Type::a, {}, DnsAnswer::Status::none);
                   }},
        ClauseCase{"a_list_without_an_answer_is_neither", "not dnsrbl \"SBL\"", false,
                   [](Situation& one) {
                     one.dns("7.2.0.192.sbl.example", DnsQuestion::Type::a, {}, DnsAnswer::Status::temporary);
                   }},
        ClauseCase{"a_list_with_a_client_of_ipv6", "dnsrbl \"SBL\"", true,
                   [](Situation& one) {
                     one.facts.client = table::Ip::parse("2001:db8::7");
                     one.dns("7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.sbl.example",
                             DnsQuestion::Type::a, {"127.0.0.2"});
                   }},
        ClauseCase{"near_the_mx", "mx /24", true,
                   [](Situation& one) {
                     one.dns("a.example", DnsQuestion::Type::mx, {"in.a.example", "far.a.example"});
                     one.dns("far.a.example", DnsQuestion::Type::a, {"198.51.100.1"});
                     one.dns("in.a.example", DnsQuestion::Type::a, {"192.0.2.200"});
                   }},
        ClauseCase{"not_the_mx", "mx /32", false,
                   [](Situation& one) {
                     one.dns("a.example", DnsQuestion::Type::mx, {"in.a.example"});
                     one.dns("in.a.example", DnsQuestion::Type::a, {"192.0.2.200"});
                   }},
        ClauseCase{
            "no_mx", "mx /0", false,
            [](Situation& one) { one.dns("a.example", DnsQuestion::Type::mx, {}, DnsAnswer::Status::none); }},
        ClauseCase{"spf_pass", "spf pass", true,
                   [](Situation& one) {
                     one.dns("a.example", DnsQuestion::Type::txt, {"v=spf1 ip4:192.0.2.7 -all"});
                   }},
        ClauseCase{"spf_fail", "spf fail", true,
                   [](Situation& one) { one.dns("a.example", DnsQuestion::Type::txt, {"v=spf1 -all"}); }},
        ClauseCase{"spf_none", "spf none", true,
                   [](Situation& one) {
                     one.dns("a.example", DnsQuestion::Type::txt, {}, DnsAnswer::Status::none);
                   }},
        ClauseCase{"spf_self", "spf self", true,
                   [](Situation& one) { one.dns("a.example", DnsQuestion::Type::txt, {"v=spf1 +all"}); }}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Properties, GreylistClause,
    testing::Values(ClauseCase{"set_and_asked", "set $a = \"x%mr\" $a \"XKIM\"", true},
                    ClauseCase{"counted", "set $a = 2 set $a += 3 set $a -= 1 $a == 4", true},
                    ClauseCase{"counted_by_another", "set $a = 2 set $b = 5 set $a += $b $a >= 7", true},
                    ClauseCase{"nothing_added_of_what_is_unset", "set $a += $b $a == 0", false},
                    ClauseCase{"unset_is_no_number", "$a == 0", false},
                    ClauseCase{"two_unset_ones_are_both_0", "$a == $b", true},
                    ClauseCase{"a_shell_pattern", "set $a = \"k*@b.example\" * $a \"%r\"", true},
                    ClauseCase{"an_expression", "set $a = \"red\" $a /^R/", true},
                    ClauseCase{"not_the_value", "set $a = \"red\" not $a \"red\"", false},
                    ClauseCase{"a_set_that_is_negated", "not set $a = \"red\"", false}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(Limits, GreylistClause,
                         testing::Values(ClauseCase{"below", "ratelimit \"few\"", false},
                                         ClauseCase{"above", "ratelimit \"few\"", true,
                                                    [](Situation& one) {
                                                      one.answers.used = [](const RatelimitDefinition&,
                                                                            const std::string& key) {
                                                        return key == "192.0.2.7" ? 2 : 0;
                                                      };
                                                    }},
                                         ClauseCase{"octets_by_a_key", "ratelimit \"octets\"", true,
                                                    [](Situation& one) {
                                                      one.at_the_end();
                                                      one.answers.used = [](const RatelimitDefinition&,
                                                                            const std::string& key) {
                                                        return key == "a.example" ? 2000 : 0;
                                                      };
                                                    }}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(GreylistEvaluation, DecidesByTheFirstRuleOfWhichAllHolds) {
  Situation situation;
  EXPECT_EQ(
      outcome(decide(Rules("racl blacklist domain c.example\nracl whitelist domain a.example\nracl blacklist "
                           "default\n"),
                     situation)),
      "whitelist by line 2");
}

TEST(GreylistEvaluation, GreylistsByDefaultAndLetsAMessageThrough) {
  Situation situation;
  EXPECT_EQ(outcome(decide(Rules(""), situation)), "greylist by default");
  EXPECT_EQ(outcome(decide(Rules("testmode\n"), situation)), "whitelist by default");
  situation.at_the_end();
  EXPECT_EQ(outcome(decide(Rules("racl blacklist default\n"), situation)), "whitelist by default");
}

TEST(GreylistEvaluation, MatchesDomainsAtDotsAloneWhereThatIsSet) {
  Situation situation;
  const auto with = [&](const std::string& rule) {
    return outcome(decide(Rules("domainexact\n" + rule), situation));
  };
  EXPECT_EQ(with("racl whitelist domain ample\n"), "greylist by default");
  EXPECT_EQ(with("racl whitelist domain a.example\n"), "whitelist by line 2");
  EXPECT_EQ(with("racl whitelist domain x.a.example\n"), "greylist by default");
}

TEST(GreylistEvaluation, TakesTimesFromTheRuleOrTheSettings) {
  using namespace std::chrono_literals;
  Situation situation;
  const auto own = decide(Rules("greylist 5m\nracl greylist default delay 1h autowhite 3d\n"), situation);
  EXPECT_EQ(own.delay, 1h);
  EXPECT_EQ(own.autowhite, 72h);
  const auto set = decide(Rules("greylist 5m\nautowhite 2d\nracl greylist default\n"), situation);
  EXPECT_EQ(set.delay, 5min);
  EXPECT_EQ(set.autowhite, 48h);
}

TEST(GreylistEvaluation, KeepsWhatContinuedRulesSay) {
  Situation situation;
  const Rules rules(
      "racl continue addr 192.0.2.7 msg \"first\" report \"r\" delay 1h\nracl "
      "continue domain c.example msg "
      "\"no\"\nracl blacklist default code \"554\"\n");
  const auto decision = decide(rules, situation);
  EXPECT_EQ(outcome(decision), "blacklist by line 3");
  EXPECT_EQ(decision.values.msg, "first");
  EXPECT_EQ(decision.values.report, "r");
  EXPECT_EQ(decision.values.code, "554");
  EXPECT_EQ(decision.delay, std::chrono::minutes(30)) << "times are of the rule that decides";
}

TEST(GreylistEvaluation, DoesWhatClausesDoInTheirOrder) {
  Situation situation;
  const auto decision = decide(Rules("ratelimit \"r\" rcpt 100 / 1m\nnsupdate \"n\" { rname \"%j.x\" "
                                     "rvalue \"127.0.0.2\" }\nracl continue log \"seen %i\" set $a = "
                                     "1 ratelimit \"r\"\nracl blacklist set $a += 1 nsupdate \"n\" domain "
                                     "c.example\nracl greylist default "
                                     "flushaddr\n"),
                               situation);
  EXPECT_THAT(decision.log_lines, ElementsAre("seen 192.0.2.7"));
  EXPECT_EQ(decision.properties.find("a"), "2")
      << "the rule was looked at up to the clause that did not hold";
  EXPECT_THAT(decision.updates, ElementsAre(Decision::Update{0, "7.2.0.192.x", "127.0.0.2"}));
  ASSERT_EQ(decision.uses.size(), 1U);
  EXPECT_EQ(decision.uses[0].key, "192.0.2.7");
  EXPECT_EQ(decision.uses[0].amount, 1);
  EXPECT_TRUE(decision.flushaddr);
}

TEST(GreylistEvaluation, KeepsTheGroupsOfTheRuleThatDecides) {
  Situation situation;
  const auto decision =
      decide(Rules("extendedregex\nracl continue helo /(h)elo/\nracl blacklist from /<(.)(oe)@/ rcpt "
                   "/(kim)/\n"),
             situation);
  EXPECT_THAT(decision.groups, ElementsAre("kim", "J", "oe"));
}

TEST(GreylistEvaluation, TellsWhatItRestsOn) {
  Situation situation;
  const auto decision = decide(Rules("racl whitelist addr 192.0.2.7 not geoip \"CN\"\n"), situation);
  EXPECT_TRUE(decision.reasons.has(Reason::address));
  EXPECT_TRUE(decision.reasons.has(Reason::country));
  EXPECT_TRUE(decision.negated.has(Reason::country));
  EXPECT_FALSE(decision.negated.has(Reason::address));
  EXPECT_FALSE(decision.reasons.has(Reason::by_default));
}

TEST(GreylistEvaluation, AsksTheDnsOnlyForRulesThatAreReached) {
  Situation situation;
  const Rules rules(
      "dnsrbl \"SBL\" sbl.example 127.0.0.2\nracl blacklist domain c.example dnsrbl \"SBL\"\nracl greylist "
      "dnsrbl "
      "\"SBL\"\n");
  const auto first = look_at(rules, situation);
  ASSERT_TRUE(std::holds_alternative<Questions>(first));
  ASSERT_EQ(std::get<Questions>(first).dns.size(), 1U);
  EXPECT_EQ(std::get<Questions>(first).dns[0].name, "7.2.0.192.sbl.example");
  situation.dns("7.2.0.192.sbl.example", DnsQuestion::Type::a, {"127.0.0.2"});
  const auto decision = decide(rules, situation);
  EXPECT_EQ(outcome(decision), "greylist by line 3");
  EXPECT_THAT(decision.dnsrbls, ElementsAre("SBL"));
}

TEST(GreylistEvaluation, ExplainsEachRuleByItsFirstClauseThatDidNotHold) {
  Situation situation;
  const Rules rules(
      "racl blacklist geoip \"CN\"\nracl whitelist addr 192.0.2.7 \\\n  not domain a.example\nracl greylist "
      "default delay "
      "1h\n");
  Explanation why;
  ASSERT_TRUE(std::holds_alternative<Decision>(look_at(rules, situation, &why)));
  std::vector<std::string> told;
  const auto entries = why.entries();
  for (const auto& one : entries)
    told.push_back(std::to_string(one.origin.line) + ": " + one.rule + " | " + one.failed + " | " +
                   one.operand + " | " + one.outcome);
  EXPECT_THAT(told,
              ElementsAre("1: racl blacklist geoip \"CN\" | geoip \"CN\" | JP | does not hold",
                          "2: racl whitelist addr 192.0.2.7 not domain a.example | not domain a.example | "
                          "mx.a.example | does not hold",
                          "4: racl greylist default delay 3600s |  |  | greylist"));
}

TEST(GreylistEvaluation, ExplainsWhatEachClauseOfTheRuleThatHoldsWasTriedOn) {
  Situation situation;
  Explanation why;
  ASSERT_TRUE(std::holds_alternative<Decision>(
      look_at(Rules("racl whitelist addr 192.0.2.0/24 not geoip \"CN\"\n"), situation, &why)));
  const auto entries = why.entries();
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].operand, "addr 192.0.2.0/24 (192.0.2.7); not geoip \"CN\" (JP)");
}

TEST(GreylistEvaluation, ExplainsNothingThatWasLookedAtBeforeTheAnswersWereThere) {
  Situation situation;
  Explanation why;
  const Rules rules(
      "dnsrbl \"SBL\" sbl.example 127.0.0.2\nracl blacklist geoip \"CN\"\nracl greylist dnsrbl \"SBL\"\n");
  EXPECT_TRUE(std::holds_alternative<Questions>(look_at(rules, situation, &why)));
  EXPECT_THAT(why.entries(), IsEmpty());
}

// Without an explanation rules are found by an index; with one each is looked at. Both decide the same.
TEST(GreylistEvaluation, FindsByTheIndexWhatLookingAtEachRuleFinds) {
  static constexpr std::array kClauses = {"addr 192.0.2.0/24",
                                          "addr 192.0.2.7",
                                          "addr 0.0.0.0/0",
                                          "addr 2001:db8::/32",
                                          "domain a.example",
                                          "domain AMPLE",
                                          "domain mx.a.example",
                                          "domain /mx/",
                                          "from joe@A.example",
                                          "from x@y.example",
                                          "rawfrom /1/",
                                          "rawfrom prvs=1=joe@a.example",
                                          "rcpt kim@b.example",
                                          "rcpt lee@b.example",
                                          "geoip \"JP\"",
                                          "geoip \"CN\"",
                                          "list \"nets\"",
                                          "list \"mixed\"",
                                          "not addr 192.0.2.7",
                                          "not domain a.example",
                                          "set $n += 1",
                                          "$n >= 3",
                                          "helo \"x\"",
                                          "time \"* 12 * * *\"",
                                          "not list \"friends\"",
                                          "list \"friends\"",
                                          "log \"x\"",
                                          "not geoip \"CN\""};
  static constexpr std::array kAddresses = {"192.0.2.7", "192.0.2.8", "198.51.100.9", "2001:db8::1",
                                            "2001:db9::1"};
  static constexpr std::array kNames = {"mx.a.example", "A.EXAMPLE", "ample", "[192.0.2.7]", "mx.c.test", ""};
  static constexpr std::array kSenders = {"<prvs=1=joe@a.example>", "<X@y.example>", "<>", "<joe@a.example>"};
  static constexpr std::array kRecipients = {"<kim@b.example>", "<LEE@b.example>", "<other@b.example>"};
  static constexpr std::array kCountries = {"JP", "CN", "ZZ", ""};
  static constexpr std::array kActions = {"greylist", "whitelist", "blacklist", "continue"};
  std::mt19937 random(20261129);
  std::size_t by_rule = 0;
  for (int round = 0; round < 300; ++round) {
    std::string text(kDefinitions);
    text += "list \"mixed\" domain { a.example /c\\.test$/ }\n";
    if (random() % 4 == 0) text += "domainexact\n";
    for (int rule = 0; rule < 12; ++rule) {
      // Some kinds of clauses can be in a rule once.
      text += "racl " + one_of(random, kActions) + " " + one_of(random, kClauses) + "\n";
      if (random() % 2 == 0)
        text += "racl " + one_of(random, kActions) + " helo \"x\" " + one_of(random, kClauses) + "\n";
      if (random() % 2 == 0)
        text += "racl " + one_of(random, kActions) + " set $m += 1 " + one_of(random, kClauses) + "\n";
    }
    SourceCatalogue sources;
    Diagnostics diagnostics;
    const auto configuration = read_greylist_conf(text, sources.add("f"), diagnostics);
    for (int client = 0; client < 20; ++client) {
      Situation situation;
      auto& facts = situation.facts;
      facts.client = table::Ip::parse(one_of(random, kAddresses));
      facts.client_name = one_of(random, kNames);
      facts.helo = random() % 2 == 0 ? "x" : "y";
      facts.raw_sender = one_of(random, kSenders);
      facts.sender = tuple_sender(facts.raw_sender);
      facts.recipient = one_of(random, kRecipients);
      facts.country = one_of(random, kCountries);
      Explanation why;
      const auto all = std::get<Decision>(evaluate(Stage::recipient, configuration, facts,
                                                   situation.properties, situation.answers, {}, &why));
      const auto found = std::get<Decision>(
          evaluate(Stage::recipient, configuration, facts, situation.properties, situation.answers, {}));
      ASSERT_EQ(outcome(found), outcome(all)) << text;
      ASSERT_EQ(found.properties, all.properties) << text;
      ASSERT_EQ(found.log_lines, all.log_lines) << text;
      if (found.rule != nullptr) ++by_rule;
    }
  }
  EXPECT_GT(by_rule, 1000U) << "or the rules of the test decide nothing";
}

}  // namespace
}  // namespace hikyaku::config
