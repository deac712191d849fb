#include "greylist/check_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "greylist/posted_message.h"

namespace hikyaku::greylist {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

struct MatchCase {
  const char* name;
  const char* answer;
  bool matches;
};
void PrintTo(const MatchCase& row, std::ostream* out) { *out << row.answer; }
class UrlAnswer : public testing::TestWithParam<MatchCase> {};

INSTANTIATE_TEST_SUITE_P(
    , UrlAnswer,
    testing::Values(MatchCase{"ok", "milterGreylistStatus: Ok\n", true},
                    MatchCase{"true_with_other_case", "MILTERGREYLISTSTATUS: true\r\n", true},
                    MatchCase{"without_a_line_end", "milterGreylistStatus:Ok", true},
                    MatchCase{"another_status", "milterGreylistStatus: no\n", false},
                    MatchCase{"ok_and_a_blank", "milterGreylistStatus: Ok \n", false},
                    MatchCase{"nothing", "", false}, MatchCase{"properties_alone", "colour: red\n", false},
                    MatchCase{"what_overrides", "milterGreylistDelay: 5m\n", true},
                    MatchCase{"what_is_to_be_ignored", "milterGreylistIgnore: x\n", true},
                    MatchCase{"what_can_not_be_read", "milterGreylistDelay: soon\n", false},
                    MatchCase{"behind_other_lines", "DN: cn=x\n\n\tmilterGreylistStatus: Ok\n", true},
                    MatchCase{"a_value_on_the_next_line", "milterGreylistStatus:\nOk\n", false},
                    MatchCase{"a_page_of_html", "<html>\n<p>Ok</p>\n", false}),
    [](const auto& row) { return std::string(row.param.name); });
TEST_P(UrlAnswer, MatchesByItsLines) {
  EXPECT_EQ(read_url_answer(GetParam().answer, false).matched, GetParam().matches);
}

TEST(CheckAnswer, OverridesWhatTheRuleSays) {
  const auto answer = read_url_answer(
      "milterGreylistAction: BLACKLIST\nmilterGreylistDelay: 5m\nmilterGreylistAutowhite: 1w\n"
      "milterGreylistTarpit: 30\nmilterGreylistFlushAddr: x\nmilterGreylistNoLog: x\nmilterGreylistCode: "
      "554\nmilterGreylistECode: 5.7.9\nmilterGreylistMsg: no: %r\nmilterGreylistReport: told\n",
      false);
  RuleOverride want;
  want.action = Action::blacklist;
  want.tarpit = std::chrono::seconds(30);
  want.values.delay = std::chrono::minutes(5);
  want.values.autowhite = std::chrono::days(7);
  want.values.code = "554";
  want.values.ecode = "5.7.9";
  want.values.msg = "no: %r";
  want.values.report = "told";
  want.values.flushaddr = want.values.nolog = true;
  EXPECT_EQ(answer.overrides, want);
  EXPECT_THAT(answer.not_read, IsEmpty());
  EXPECT_THAT(answer.said, testing::StartsWith("milterGreylistAction: BLACKLIST, milterGreylistDelay: 5m"));
}

TEST(CheckAnswer, TellsValuesThatAreNone) {
  const auto answer = read_url_answer(
      "milterGreylistStatus: Ok\nmilterGreylistCode: 250\nmilterGreylistECode: 5.7\nmilterGreylistAction: "
      "burn\nmilterGreylistDelay: -5\nmilterGreylistAutowhite: 9999999999w\n",
      false);
  EXPECT_EQ(answer.overrides, RuleOverride());
  EXPECT_THAT(answer.not_read,
              ElementsAre("milterGreylistCode: 250", "milterGreylistECode: 5.7", "milterGreylistAction: burn",
                          "milterGreylistDelay: -5", "milterGreylistAutowhite: 9999999999w"));
}

TEST(CheckAnswer, KeepsPropertiesWhereItMatches) {
  constexpr auto kText = "milterGreylistStatus: Ok\ncolour:  red \nlist: a:b\nempty:\n: nameless\n";
  EXPECT_THAT(read_url_answer(kText, true).properties,
              ElementsAre(Pair("milterGreylistStatus", "Ok"), Pair("colour", "red "), Pair("list", "a:b")));
  EXPECT_THAT(read_url_answer(kText, false).properties, IsEmpty());
  EXPECT_THAT(read_url_answer("colour: red\n", true).properties, IsEmpty());
}

TEST(PostedMessage, IsAFileInAForm) {
  Facts facts;
  facts.header_lines = {"Subject: x\r\n", "From: a@b.example\r\n"};
  facts.body_pieces = {"\r\n", "text with hikyaku-0 in it\r\n"};
  const auto posted = posted_message(facts);
  EXPECT_EQ(posted.content_type, "multipart/form-data; boundary=hikyaku-1");
  EXPECT_EQ(posted.body,
            "--hikyaku-1\r\nContent-Disposition: form-data; name=\"msg\"; filename=\"msg.txt\"\r\n"
            "Content-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n\r\n"
            "Subject: x\r\nFrom: a@b.example\r\n\r\ntext with hikyaku-0 in it\r\n\r\n--hikyaku-1--\r\n");
}

}  // namespace
}  // namespace hikyaku::greylist
