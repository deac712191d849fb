#include "mail/path.h"

#include <gtest/gtest.h>

namespace hikyaku::mail {
namespace {

struct PathCase {
  const char* name;
  std::string_view text;
  std::string_view strict;  // how it prints, "" when it is refused
  std::string_view lenient;
  std::string_view rest = "";
};
void PrintTo(const PathCase& row, std::ostream* out) { *out << row.name; }
class PathTake : public testing::TestWithParam<PathCase> {};

TEST_P(PathTake, InBothForms) {
  const auto& row = GetParam();
  for (const auto form : {Path::Form::strict, Path::Form::lenient}) {
    const auto want = form == Path::Form::strict ? row.strict : row.lenient;
    const auto taken = Path::take(row.text, form);
    EXPECT_EQ(taken ? taken->path.text() : "", want);
    if (taken) {
      EXPECT_EQ(taken->rest, row.rest);
    }
  }
}

using namespace std::string_view_literals;
INSTANTIATE_TEST_SUITE_P(
    , PathTake,
    testing::Values(
        PathCase{"plain", "<a@b.example>", "<a@b.example>", "<a@b.example>"},
        PathCase{"null", "<>", "<>", "<>"},
        PathCase{"with_parameters", "<a@b.example> SIZE=1  BODY=7BIT", "<a@b.example>", "<a@b.example>",
                 "SIZE=1  BODY=7BIT"},
        PathCase{"blank_before", " <a@b.example>", "<a@b.example>", "<a@b.example>"},
        PathCase{"no_brackets", "a@b.example", "", "<a@b.example>"},
        PathCase{"no_brackets_with_parameters", " a@b.example SIZE=1", "", "<a@b.example>", "SIZE=1"},
        PathCase{"local_part_alone", "<postmaster>", "<postmaster>", "<postmaster>"},
        PathCase{"blanks_within", "< a@b.example >", "", "<a@b.example>"},
        PathCase{"quoted", "<\"a b\"@b.example>", "<\"a b\"@b.example>", "<\"a b\"@b.example>"},
        PathCase{"quoted_bracket", "<\"a>b\"@b.example>", "<\"a>b\"@b.example>", "<\"a>b\"@b.example>"},
        PathCase{"quoted_quote", "<\"a\\\"b\"@b.example>", "<\"a\\\"b\"@b.example>",
                 "<\"a\\\"b\"@b.example>"},
        PathCase{"quotes_not_needed", "<\"ab\"@b.example>", "<ab@b.example>", "<ab@b.example>"},
        PathCase{"dots_of_docomo", "<a..b.@b.example>", "", "<\"a..b.\"@b.example>"},
        PathCase{"dot_at_the_beginning", "<.a@b.example>", "", "<\".a\"@b.example>"},
        PathCase{"quoted_word_and_atom", "<\"a b\".c@b.example>", "", "<\"a b.c\"@b.example>"},
        PathCase{"comment", "<a(work)@b.example>", "", "<a@b.example>"},
        PathCase{"source_route", "<@x.example,@y.example:a@b.example>", "<a@b.example>", "<a@b.example>"},
        PathCase{"source_route_with_ipv6", "<@[IPv6:::1]:a@b.example>", "<a@b.example>", "<a@b.example>"},
        PathCase{"source_route_without_end", "<@x.example>", "", ""},
        PathCase{"source_route_of_nothing", "<@x.example:>", "", ""},
        PathCase{"literal", "<a@[192.0.2.1]>", "<a@[192.0.2.1]>", "<a@[192.0.2.1]>"},
        PathCase{"percent_hack", "<a%c.example@b.example>", "<a%c.example@b.example>",
                 "<a%c.example@b.example>"},
        PathCase{"utf8", "<\xE7\x94\xB2@b.example>", "<\xE7\x94\xB2@b.example>", "<\xE7\x94\xB2@b.example>"},
        PathCase{"bracket_in_a_literal", "a@[>]", "", ""}, PathCase{"literal_not_closed", "''@[>", "", ""},
        PathCase{"no_utf8", "<\xE7@b.example>", "", ""}, PathCase{"two_ats", "<a@b@c.example>", "", ""},
        PathCase{"no_domain_behind_the_at", "<a@>", "", ""},
        PathCase{"no_local_part", "<@b.example>", "", ""},
        PathCase{"empty_quotes", "<\"\"@b.example>", "<\"\"@b.example>", "<\"\"@b.example>"},
        PathCase{"empty_quotes_alone", "<\"\">", "", ""}, PathCase{"phrase", "<a b@c.example>", "", ""},
        PathCase{"no_end", "<a@b.example", "", ""},
        PathCase{"glued_parameter", "<a@b.example>SIZE=1", "", ""}, PathCase{"nothing", "", "", ""},
        PathCase{"blanks", "  ", "", ""}, PathCase{"control", "<a\x01@b.example>", "", ""},
        PathCase{"nul", "<a\0@b.example>"sv, "", ""},
        PathCase{"two_paths_in_one", "<<a@b.example>>", "", ""}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Path, ParsesNothingBehindIt) {
  EXPECT_TRUE(Path::parse("<a@b.example>").has_value());
  EXPECT_FALSE(Path::parse("<a@b.example> SIZE=1").has_value());
}

TEST(Path, KnowsWhenItNeedsUtf8) {
  EXPECT_TRUE(Path::parse("<\xE7\x94\xB2@b.example>")->needs_utf8());
  EXPECT_FALSE(Path::parse("<a@b.example>")->needs_utf8());
}

}  // namespace
}  // namespace hikyaku::mail
