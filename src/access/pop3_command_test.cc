#include "access/pop3_command.h"

#include <gtest/gtest.h>

#include <string>

namespace hikyaku::access {
namespace {

struct LineCase {
  const char* name;
  std::string_view line;
  Pop3Verb verb;
  std::string_view arguments;
};
void PrintTo(const LineCase& row, std::ostream* out) { *out << row.name; }

class Pop3CommandLine : public testing::TestWithParam<LineCase> {};

TEST_P(Pop3CommandLine, IsReadAsACommand) {
  const auto command = Pop3Command::parse(GetParam().line);
  EXPECT_EQ(command.verb, GetParam().verb);
  EXPECT_EQ(command.arguments, GetParam().arguments);
}

INSTANTIATE_TEST_SUITE_P(
    , Pop3CommandLine,
    testing::Values(LineCase{"a_word_alone", "STAT", Pop3Verb::stat, ""},
                    LineCase{"in_any_case", "sTaT", Pop3Verb::stat, ""},
                    LineCase{"with_arguments", "TOP 1 10", Pop3Verb::top, "1 10"},
                    LineCase{"only_the_first_blank_goes", "PASS  a b ", Pop3Verb::pass, " a b "},
                    LineCase{"a_blank_at_the_end", "QUIT ", Pop3Verb::quit, ""},
                    LineCase{"a_blank_in_front_makes_it_unknown", " QUIT", Pop3Verb::unknown, "QUIT"},
                    LineCase{"a_tab_is_no_blank", "TOP\t1", Pop3Verb::unknown, ""},
                    LineCase{"the_beginning_of_a_word", "QUI", Pop3Verb::unknown, ""},
                    LineCase{"more_than_a_word", "QUITE", Pop3Verb::unknown, ""},
                    LineCase{"apop_is_not_known", "APOP joe 0", Pop3Verb::unknown, "joe 0"},
                    LineCase{"a_request_of_http", "POST / HTTP/1.1", Pop3Verb::http, "/ HTTP/1.1"},
                    LineCase{"an_empty_line", "", Pop3Verb::unknown, ""}),
    [](const auto& row) { return std::string(row.param.name); });

struct NumberCase {
  const char* name;
  std::string_view text;
  std::optional<std::uint64_t> number;
};
void PrintTo(const NumberCase& row, std::ostream* out) { *out << row.name; }

class Pop3Number : public testing::TestWithParam<NumberCase> {};

TEST_P(Pop3Number, IsReadWhereItIsOne) { EXPECT_EQ(parse_number(GetParam().text), GetParam().number); }

INSTANTIATE_TEST_SUITE_P(, Pop3Number,
                         testing::Values(NumberCase{"zero", "0", 0}, NumberCase{"leading_zeros", "007", 7},
                                         NumberCase{"the_largest", "18446744073709551615", UINT64_MAX},
                                         NumberCase{"too_large", "18446744073709551616", {}},
                                         NumberCase{"a_sign", "-1", {}}, NumberCase{"a_plus", "+1", {}},
                                         NumberCase{"a_letter_behind", "1a", {}},
                                         NumberCase{"a_blank_in_front", " 1", {}},
                                         NumberCase{"nothing", "", {}}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Pop3Words, AreTakenWithTheBlanksAroundThem) {
  std::string_view text = "  one two  ";
  EXPECT_EQ(take_word(text), "one");
  EXPECT_EQ(text, "two  ");
  EXPECT_EQ(take_word(text), "two");
  EXPECT_EQ(text, "");
  EXPECT_EQ(take_word(text), "");
}

}  // namespace
}  // namespace hikyaku::access
