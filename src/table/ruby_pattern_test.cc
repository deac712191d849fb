#include "table/ruby_pattern.h"

#include <gtest/gtest.h>

#include <string>

namespace hikyaku::table {
namespace {

struct RubyPatternCase {
  const char* name;
  const char* source;
  RubyPattern::Options options;
  const char* subject;
  const char* matched;  ///< group 1, or the whole where there is none; nullptr: no match
};

class RubyPatternMatch : public testing::TestWithParam<RubyPatternCase> {};

TEST_P(RubyPatternMatch, IsAsInRuby) {
  const auto& row = GetParam();
  const auto pattern = RubyPattern::compile(row.source, row.options);
  ASSERT_TRUE(pattern) << pattern.error().text;
  const std::string_view subject(row.subject);
  const auto groups = pattern->match(subject);
  ASSERT_TRUE(groups) << groups.error().text;
  ASSERT_EQ(groups->has_value(), row.matched != nullptr);
  if (row.matched == nullptr) return;
  const auto [begin, end] = (**groups)[(*groups)->size() > 1 ? 1 : 0].value();
  EXPECT_EQ(subject.substr(begin, end - begin), row.matched);
}

INSTANTIATE_TEST_SUITE_P(
    , RubyPatternMatch,
    testing::Values(RubyPatternCase{"hat_and_dollar_hold_at_every_line", "^b(.*)$", {}, "a\nbc\nd", "c"},
                    RubyPatternCase{"z_is_the_very_end", "a\\z", {}, "a\n", nullptr},
                    RubyPatternCase{"capital_z_may_have_a_newline_behind_it", "a\\Z", {}, "a\n", "a"},
                    RubyPatternCase{"a_dot_does_not_match_a_newline", "a.b", {}, "a\nb", nullptr},
                    RubyPatternCase{"but_with_m_it_does", "a.b", {.dot_newline = true}, "a\nb", "a\nb"},
                    RubyPatternCase{"m_within_a_group", "(?m:a.b)", {}, "a\nb", "a\nb"},
                    RubyPatternCase{
                        "m_taken_off_within_a_group", "(?-m:a.b)", {.dot_newline = true}, "a\nb", nullptr},
                    RubyPatternCase{"h_is_a_hexadecimal_digit", "(\\h+)", {}, "xyz c0ffee!", "c0ffee"},
                    RubyPatternCase{"h_in_a_class", "([\\h:]+)", {}, "zz fe80::1", "fe80::1"},
                    RubyPatternCase{"capital_h_is_none", "\\H+", {}, "afgh0", "gh"},
                    RubyPatternCase{"case_counts", "ABC", {}, "abc", nullptr},
                    RubyPatternCase{"but_with_i_it_does_not", "ABC", {.ignore_case = true}, "abc", "abc"},
                    RubyPatternCase{"x_leaves_blanks_out", "a b # c", {.extended = true}, "ab", "ab"},
                    RubyPatternCase{"a_named_group", "(?<user>[^@]+)@", {}, "joe@example.org", "joe"},
                    RubyPatternCase{"posix_classes", "([[:alpha:]]+)", {}, "12ab", "ab"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(RubyPattern, WhatMeansSomethingElseHereIsRefused) {
  for (const auto* source : {"[a&&b]", "[a[bc]]", "(", "a\\", "[a"})
    EXPECT_FALSE(RubyPattern::compile(source, {})) << source;
  EXPECT_FALSE(RubyPattern::compile(std::string(70000, 'a'), {}));
}

TEST(RubyPattern, AMatchWithoutEndIsGivenUp) {
  const auto pattern = RubyPattern::compile("\\A(a+)+b\\z", {});
  ASSERT_TRUE(pattern);
  const auto groups = pattern->match(std::string(60, 'a') + "cb");
  ASSERT_FALSE(groups);
  EXPECT_NE(groups.error().text.find("given up"), std::string::npos);
}

TEST(RubyPattern, BeginsAtAnOffset) {
  const auto pattern = RubyPattern::compile("a(x)?", {});
  ASSERT_TRUE(pattern);
  const auto groups = pattern->match("aba", 1);
  ASSERT_TRUE(groups && *groups);
  EXPECT_EQ((**groups)[0]->first, 2U);
  EXPECT_FALSE((**groups)[1]);
  EXPECT_FALSE(pattern->match("aba", 9)->has_value());
}

TEST(RubyPattern, TellsItsNamesAndItsText) {
  const auto pattern = RubyPattern::compile("(?<a>.)(?<b>.)", {.ignore_case = true, .dot_newline = true});
  ASSERT_TRUE(pattern);
  EXPECT_EQ(pattern->names(), (std::vector<std::pair<std::string, unsigned>>{{"a", 1}, {"b", 2}}));
  EXPECT_EQ(pattern->text(), "/(?<a>.)(?<b>.)/mi");
}

}  // namespace
}  // namespace hikyaku::table
