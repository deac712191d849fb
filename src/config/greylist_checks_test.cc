#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string_view>
#include <utility>
#include <variant>

#include "config/greylist_situation_for_tests.h"
#include "greylist/check_answer.h"
#include "greylist/evaluation.h"

// What rules decide that ask URLs and directories.

namespace hikyaku::config {
namespace {

using namespace greylist;
using namespace for_tests;
using testing::ElementsAre;

TEST(GreylistChecks, AsksChecksAndKeepsWhatTheyAnswer) {
  Situation situation;
  const Rules rules(
      "urlcheck \"u\" \"http://localhost/?f=%f\" 5 getprop\nracl whitelist urlcheck \"u\" $colour \"red\"\n");
  const auto first = look_at(rules, situation);
  ASSERT_TRUE(std::holds_alternative<Questions>(first));
  const auto& asked = std::get<Questions>(first).checks;
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].url, "http://localhost/?f=Joe%40a.example") << "a sender can't end the part of the URL";
  situation.answers.checks[asked[0]] = {true, true, {{"Colour", "Red"}}};
  EXPECT_EQ(outcome(decide(rules, situation)), "whitelist by line 2");
}

/// What comes of the rules when all that they ask by URL is answered with `text`.
Decision answered(const Rules& rules, Situation& situation, std::string_view text,
                  Explanation* why = nullptr) {
  for (;;) {
    auto result = look_at(rules, situation, why);
    if (auto* decision = std::get_if<Decision>(&result)) return std::move(*decision);
    for (const auto& question : std::get<Questions>(result).checks)
      situation.answers.checks[question] = read_url_answer(text, true);
  }
}

TEST(GreylistChecks, TakesWhatACheckSaysInPlaceOfTheRule) {
  Situation situation;
  const Rules rules(
      "urlcheck \"u\" \"http://localhost/\" 5\nracl greylist urlcheck \"u\" delay 1h code \"452\" msg "
      "\"no\" report \"mine\"\n");
  Explanation why;
  const auto decision = answered(rules, situation,
                                 "milterGreylistAction: blacklist\nmilterGreylistDelay: 5m\n"
                                 "milterGreylistAutowhite: 2d\nmilterGreylistMsg: go\n"
                                 "milterGreylistFlushAddr: 1\nmilterGreylistTarpit: 3s\n",
                                 &why);
  EXPECT_EQ(outcome(decision), "blacklist by line 2");
  EXPECT_EQ(decision.delay, std::chrono::minutes(5));
  EXPECT_EQ(decision.autowhite, std::chrono::days(2));
  EXPECT_EQ(decision.tarpit, std::chrono::seconds(3));
  EXPECT_EQ(decision.values.msg, "go");
  EXPECT_EQ(decision.values.code, "452");
  EXPECT_EQ(decision.values.report, "mine");
  EXPECT_TRUE(decision.flushaddr);
  const auto entries = why.entries();
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_THAT(entries[0].operand, testing::HasSubstr("says milterGreylistAction: blacklist, "));
}

TEST(GreylistChecks, OverridesOnlyTheRuleThatAsked) {
  Situation situation;
  const Rules rules(
      "urlcheck \"u\" \"http://localhost/\" 5\nracl whitelist urlcheck \"u\" domain c.example\n"
      "racl whitelist urlcheck \"u\"\nracl greylist default\n");
  auto decision = answered(rules, situation, "milterGreylistAction: continue\nmilterGreylistCode: 459\n");
  EXPECT_EQ(outcome(decision), "greylist by line 4") << "the answer had the rule go on";
  EXPECT_EQ(decision.values.code, "459") << "which counts where none behind says else";
  Situation other;
  const Rules more(
      "urlcheck \"u\" \"http://localhost/\" 5\nracl whitelist urlcheck \"u\" domain c.example\n"
      "racl greylist default\n");
  decision = answered(more, other, "milterGreylistCode: 459\n");
  EXPECT_EQ(decision.values.code, std::nullopt);
}

TEST(GreylistChecks, CanNotPutOffAMessageAtItsEnd) {
  Situation situation;
  situation.at_the_end();
  const Rules rules("urlcheck \"u\" \"http://localhost/\" 5 postmsg\ndacl blacklist urlcheck \"u\"\n");
  const auto decision = answered(rules, situation, "milterGreylistAction: greylist\n");
  EXPECT_EQ(outcome(decision), "whitelist by line 2");
  EXPECT_THAT(decision.log_lines, ElementsAre(testing::HasSubstr("at the end of a message: it passes")));
}

TEST(GreylistChecks, WithoutAnAnswerACheckDoesNotHoldNegatedOrNot) {
  Situation situation;
  const Rules rules(
      "urlcheck \"u\" \"http://localhost/\" 5\nracl blacklist urlcheck \"u\"\nracl blacklist not "
      "urlcheck \"u\"\nracl greylist default\n");
  situation.answers.checks[{Defined::urlcheck, 0, "http://localhost/"}].answered = false;
  EXPECT_EQ(outcome(decide(rules, situation)), "greylist by line 4");
  Situation other;
  EXPECT_EQ(outcome(answered(rules, other, "")), "blacklist by line 3") << "an answer that is empty is a no";
}

TEST(GreylistChecks, EscapesWhatGoesIntoAFilterOfLdap) {
  Situation situation;
  situation.facts.recipient = "<a*)(x@b.example>";
  const auto first = look_at(
      Rules("ldapcheck \"l\" \"ldap://localhost/?(mail=%r)\"\nracl whitelist ldapcheck \"l\"\n"), situation);
  ASSERT_TRUE(std::holds_alternative<Questions>(first));
  EXPECT_EQ(std::get<Questions>(first).checks.at(0).url,
            "ldap://localhost/?(mail=a%5C2a%5C29%5C28x%40b.example)");
}

}  // namespace
}  // namespace hikyaku::config
