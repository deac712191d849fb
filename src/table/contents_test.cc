// The tables that are read from text: one row a case, as "TEXT, key -> value@line".
#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>
#include <unordered_map>
#include <vector>

#include "table/cidr_contents.h"
#include "table/fixed_contents.h"
#include "table/fold.h"
#include "table/pattern_contents.h"
#include "table/replacement.h"

namespace hikyaku::table {
namespace {

struct Lookup {
  const char* name;
  std::string text;
  std::string key;
  std::string answer;     // "value@line", or "" for not found
  std::string remarks{};  // "line:column level part of the text", joined by "; "
};

std::ostream& operator<<(std::ostream& out, const Lookup& lookup) { return out << lookup.name; }

constexpr std::uint32_t kFile = 7;

std::string answer_of(const Contents& contents, std::string_view key) {
  const auto answer = contents.find(key);
  if (!answer) return "error: " + answer.error().text;
  if (!*answer) return "";
  EXPECT_EQ((*answer)->origin.file, kFile);
  return (*answer)->value + "@" + std::to_string((*answer)->origin.line);
}

void expect_remarks(const std::vector<Diagnostic>& diagnostics, std::string_view expected) {
  std::size_t i = 0;
  while (!expected.empty()) {
    const auto one = expected.substr(0, expected.find("; "));
    expected.remove_prefix(std::min(expected.size(), one.size() + 2));
    ASSERT_LT(i, diagnostics.size()) << "missing remark: " << one;
    const auto& diagnostic = diagnostics[i++];
    const char* levels[] = {"note", "warning", "error"};
    const std::string place = std::to_string(diagnostic.where.line) + ":" +
                              std::to_string(diagnostic.column) + " " +
                              levels[static_cast<int>(diagnostic.level)] + " ";
    ASSERT_TRUE(one.starts_with(place)) << "wanted " << one << ", got " << place << diagnostic.text;
    EXPECT_NE(diagnostic.text.find(one.substr(place.size())), std::string::npos)
        << "wanted " << one << ", got " << diagnostic.text;
  }
  EXPECT_EQ(i, diagnostics.size()) << "more remarks: " << diagnostics.back().text;
}

using Loader = Loaded (*)(std::string_view, std::uint32_t);

void check(const Lookup& lookup, const std::function<Loaded(std::string_view)>& load) {
  const auto loaded = load(lookup.text);
  EXPECT_EQ(answer_of(*loaded.contents, lookup.key), lookup.answer);
  expect_remarks(loaded.diagnostics, lookup.remarks);
}

const auto kName = [](const auto& row) { return std::string(row.param.name); };

class AliasText : public testing::TestWithParam<Lookup> {};
TEST_P(AliasText, answers) {
  check(GetParam(), [](std::string_view text) { return load_aliases(text, kFile); });
}
INSTANTIATE_TEST_SUITE_P(
    , AliasText,
    testing::Values(Lookup{"name_colon_value", "# c\nRoot:  joe, ann\n", "root", "joe, ann@2"},
                    Lookup{"no_blank_behind_the_colon", "root:joe\n", "root", "joe@1"},
                    Lookup{"blank_before_the_colon", "root : joe\n", "root", "joe@1"},
                    Lookup{"quoted_name", "\"a: b\": joe\n", "a: b", "joe@1"},
                    Lookup{"quoted_command", "robot: \"|/bin/robot -x\"\n", "robot", "\"|/bin/robot -x\"@1"},
                    Lookup{"continued", "all: joe,\n  ann\n", "all", "joe,  ann@1"},
                    Lookup{"include_in_the_value", "l: :include:/lists/l\n", "l", ":include:/lists/l@1"},
                    Lookup{"a_line_of_a_table", "root joe\n", "root", "joe@1"},
                    Lookup{"no_value", "root:\n", "root", "", "1:0 error a name but no value"}),
    kName);

class FixedText : public testing::TestWithParam<Lookup> {};
TEST_P(FixedText, answers) {
  check(GetParam(), [](std::string_view text) { return load_fixed(text, kFile); });
}
INSTANTIATE_TEST_SUITE_P(
    , FixedText,
    testing::Values(
        Lookup{"key_and_value", "joe joe@example.org\n", "joe", "joe@example.org@1"},
        Lookup{"last_line_without_newline", "a b", "a", "b@1"},
        Lookup{"keys_fold_to_lower_case", "Joe@Example.ORG X\n", "jOE@eXAMPLE.org", "X@1"},
        Lookup{"umlauts_fold_too", "Müller@X v\n", "MÜLLER@x", "v@1"},
        Lookup{"sharp_s_is_two_s", "Straße v\n", "STRASSE", "v@1"},
        Lookup{"greek_final_sigma", "ΟΔΟΣ v\n", "οδος", "v@1"},
        Lookup{"value_keeps_its_case", "a Big Value\n", "a", "Big Value@1"},
        Lookup{"white_space_around_the_value_goes", "a\t  v w \t\r\n", "a", "v w@1"},
        Lookup{"comments_and_blank_lines_are_skipped", "# c\n\n   \n  # d\na v\n", "a", "v@5"},
        Lookup{"hash_within_a_value_is_text", "a v # w\n", "a", "v # w@1"},
        Lookup{"continued_by_white_space", "a one\n two\n\tthree\nb x\n", "a", "one two\tthree@1"},
        Lookup{"comment_between_continuations", "a one\n# c\n two\n", "a", "one two@1"},
        Lookup{"blank_line_between_continuations", "a one\n\n two\n", "a", "one two@1"},
        Lookup{"value_on_the_next_line", "a\n v\n", "a", "v@1"},
        Lookup{"line_after_a_continued_one", "a one\n two\nb x\n", "b", "x@3"},
        Lookup{"quoted_key_keeps_its_quotes", "\"joe q\"@x.org v\n", "\"joe q\"@x.org", "v@1"},
        Lookup{"quoted_key_is_one_word", "\"joe q\"@x.org v\n", "\"joe", ""},
        Lookup{"quote_within_quotes", R"("a\" b"@x v)", R"("a\" b"@x)", "v@1"},
        Lookup{"backslash_keeps_the_space", "q\\ x v\n", "q\\ x", "v@1"},
        Lookup{"first_of_two_stays", "dup one\nDUP two\n", "dup", "one@1", "2:1 warning line 1 stays"},
        Lookup{"no_value", "a\nb v\n", "b", "v@2", "1:0 error no value"},
        Lookup{"no_value_but_spaces", "a  \nb v\n", "a", "", "1:0 error no value"},
        Lookup{"odd_quote", "\"a b v\nc d\n", "c", "d@2", "1:1 error no counterpart"},
        Lookup{"starts_with_white_space", " a b\nc d\n", "c", "d@2", "1:1 error no line before"},
        Lookup{"orphan_takes_its_continuation_along", " a b\n e\nc d\n", "c", "d@3",
               "1:1 error no line before"},
        Lookup{"alias_file", "root: joe\n", "root:", "joe@1", "1:5 warning alias file"},
        Lookup{"not_utf8", "\xff a\nb c\n", "b", "c@2", "1:1 error UTF-8"},
        Lookup{"key_that_is_not_utf8_is_nowhere", "a b\n", "\xff", ""},
        Lookup{"nul", std::string("a\0b c\nd e\n", 10), "d", "e@2", "1:1 error NUL"},
        Lookup{"backslash_at_the_end", "a\\", "a\\", "", "1:0 error no value"},
        Lookup{"empty_text", "", "a", ""}, Lookup{"empty_key", "a b\n", "", ""},
        Lookup{"long_key", std::string(500, 'K') + " v\n", std::string(500, 'k'), "v@1"}),
    kName);

class RegexpText : public testing::TestWithParam<Lookup> {};
TEST_P(RegexpText, answers) {
  check(GetParam(), [](std::string_view text) { return load_regexp(text, kFile, Substitution::allowed); });
}
INSTANTIATE_TEST_SUITE_P(
    , RegexpText,
    testing::Values(
        Lookup{"plain", "/^joe@/ x\n", "joe@a", "x@1"}, Lookup{"matches_anywhere", "/oe/ x\n", "joe", "x@1"},
        Lookup{"without_regard_to_case", "/^JOE@/ x\n", "joe@a", "x@1"},
        Lookup{"i_turns_case_on", "/^JOE@/i x\n", "joe@a", ""},
        Lookup{"ii_turns_it_off_again", "/^JOE@/ii x\n", "joe@a", "x@1"},
        Lookup{"first_rule_wins", "/a/ one\n/b/ two\n", "ab", "one@1"},
        Lookup{"any_delimiter", "#/x/# v\n%a% w\n", "a", "w@2"},
        Lookup{"bang_negates", "!/a/ v\n", "b", "v@1"}, Lookup{"bang_bang", "!!/a/ v\n", "a", "v@1"},
        Lookup{"bang_space", "! /a/ v\n", "b", "v@1"},
        Lookup{"groups", "/^(.*)@(.*)$/ $2.$1\n", "joe@example", "example.joe@1"},
        Lookup{"group_in_braces", "/^(.)(.)/ ${2}0$(1)$$\n", "ab", "b0a$@1"},
        Lookup{"group_that_took_no_part", "/^(a)|(b)$/ [$1$2]\n", "b", "[b]@1"},
        Lookup{"leftmost_longest", "/(a|ab)/ $1\n", "abcd", "ab@1"},
        Lookup{"escaped_delimiter", "/a\\/b/ v\n", "a/b", "v@1"},
        Lookup{"m_lets_the_caret_match_after_a_newline", "/^b/m v\n", "a\nb", "v@1"},
        Lookup{"without_m_it_does_not", "/^b/ v\n", "a\nb", ""},
        Lookup{"dot_matches_a_newline", "/^a.b$/ v\n", "a\nb", "v@1"},
        Lookup{"x_makes_it_basic", "/a+/x v\n", "a+", "v@1"},
        Lookup{"two_patterns", "/^a/!/z/ v\n", "ab", "v@1"},
        Lookup{"two_patterns_not", "/^a/!/z/ v\n", "az", ""},
        Lookup{"two_patterns_with_flags_and_group", "/^A(.)/i!/Z/ $1\n", "Ab", "b@1"},
        Lookup{"if_holds", "if /^a/\n/b/ in\nendif\n/b/ out\n", "ab", "in@2"},
        Lookup{"if_does_not_hold", "if /^a/\n/b/ in\nendif\n/b/ out\n", "b", "out@4"},
        Lookup{"if_not", "if !/^a/\n/b/ in\nendif\n", "b", "in@2"},
        Lookup{"nested_ifs", "if /a/\nif /b/\n/c/ abc\nendif\n/c/ ac\nendif\n/c/ c\n", "ac", "ac@5"},
        Lookup{"nested_ifs_outer_false", "if /a/\nif /b/\n/c/ abc\nendif\n/c/ ac\nendif\n/c/ c\n", "bc",
               "c@7"},
        Lookup{"IF_in_capitals", "IF/a/\n/b/ v\nENDIF\n", "ab", "v@2"},
        Lookup{"if_without_endif", "/x/ x\nif /a/\n/b/ v\n", "b", "", "2:1 warning no \"endif\""},
        Lookup{"endif_without_if", "endif\n/a/ v\n", "a", "v@2", "1:1 error without"},
        Lookup{"text_after_endif", "if /a/\n/b/ v\nendif x\n", "ab", "v@2", "3:6 warning ignored"},
        Lookup{"text_after_if", "if /a/ b\n/b/ v\nendif\n", "ab", "v@2", "1:8 warning ignored"},
        Lookup{"continued", "/a/\n  one\n  two\n", "a", "one  two@1"},
        Lookup{"no_result", "/a/\n", "a", "@1", "1:1 warning no result"},
        Lookup{"no_such_group", "/(a)/ $2\n/a/ v\n", "a", "v@2", "1:7 error group 2, but the pattern has 1"},
        Lookup{"no_group_zero", "/(a)/ $0\n/a/ v\n", "a", "v@2", "1:7 error count from 1"},
        Lookup{"no_number", "/(a)/ $x\n/a/ v\n", "a", "v@2", "1:7 error no number"},
        Lookup{"digit_then_letter", "/(a)/ $1b\n", "a", "", "1:7 error write ${1}"},
        Lookup{"lone_dollar", "/(a)/ $ b\n", "a", "", "1:7 error write '$$'"},
        Lookup{"open_brace", "/(a)/ ${1\n", "a", "", "1:7 error is missing"},
        Lookup{"group_after_bang", "!/(a)/ $1\n", "b", "", "1:8 error must not match"},
        Lookup{"bad_pattern", "/(a/ v\n/a/ w\n", "a", "w@2", "1:2 error "},
        Lookup{"bad_flag", "/a/q v\n/a/ w\n", "a", "w@2", "1:4 error 'q'"},
        Lookup{"no_delimiter", "/a v\n/a/ w\n", "a", "w@2", "1:1 error no second '/'"},
        Lookup{"word", "foo v\n/a/ w\n", "a", "w@2", "1:1 error neither"},
        Lookup{"after_a_catch_all", "/./ all\n/a/ v\n", "a", "all@1", "2:1 warning line 1 matches every key"},
        Lookup{"catch_all_in_an_if", "if /x/\n/./ all\n/y/ v\nendif\n/a/ w\n", "a", "w@5",
               "3:1 warning line 2"},
        Lookup{"same_pattern_twice", "/a/ one\n/b/ x\n/a/ two\n", "a", "one@1",
               "3:1 warning line 1 has the same"},
        Lookup{"many_groups", "/(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)/ $11$10$1\n", "abcdefghijk", "kja@1"}),
    kName);

class PcreText : public testing::TestWithParam<Lookup> {};
TEST_P(PcreText, answers) {
  check(GetParam(), [](std::string_view text) { return load_pcre(text, kFile, Substitution::allowed); });
}
INSTANTIATE_TEST_SUITE_P(
    , PcreText,
    testing::Values(
        Lookup{"plain", "/^JOE@/ x\n", "joe@a", "x@1"},
        Lookup{"i_turns_case_on", "/^JOE@/i x\n", "joe@a", ""},
        Lookup{"groups", "/^(?<user>.*)@(.*)$/ ${2}.$1\n", "joe@example", "example.joe@1"},
        Lookup{"group_that_took_no_part", "/^(a)|(b)$/ [$1$2]\n", "b", "[b]@1"},
        Lookup{"last_group_that_took_no_part", "/^(a)|(b)$/ [$1$2]\n", "a", "[a]@1"},
        Lookup{"leftmost_first", "/(a|ab)/ $1\n", "abcd", "a@1"},
        Lookup{"dot_matches_a_newline", "/^a.b$/ v\n", "a\nb", "v@1"},
        Lookup{"s_turns_that_off", "/^a.b$/s v\n", "a\nb", ""}, Lookup{"m", "/^b/m v\n", "a\nb", "v@1"},
        Lookup{"x_ignores_white_space", "/a b/x v\n", "ab", "v@1"}, Lookup{"A_anchors", "/b/A v\n", "ab", ""},
        Lookup{"E_dollar_at_the_end_alone", "/a$/E v\n", "a\n", ""},
        Lookup{"without_E_before_a_last_newline", "/a$/ v\n", "a\n", "v@1"},
        Lookup{"U_ungreedy", "/^(a+)/U $1\n", "aaa", "a@1"},
        Lookup{"X_is_obsolete", "/a/X v\n", "a", "v@1", "1:4 warning obsolete"},
        Lookup{"lookahead", "/^(?!joe)/ v\n", "joe@a", ""},
        Lookup{"backreference", "/(.)\\1/ $1\n", "abb", "b@1"},
        Lookup{"second_pattern_is_no_pcre", "/a/!/b/ v\n/a/ w\n", "a", "w@2", "1:4 error '!'"},
        Lookup{"if", "if /^a/\n/b(.)/ in$1\nendif\n/b/ out\n", "abc", "inc@2"},
        Lookup{"no_such_group", "/(a)/ $2\n/a/ v\n", "a", "v@2", "1:7 error group 2, but the pattern has 1"},
        Lookup{"bad_pattern", "/(a/ v\n/a/ w\n", "a", "w@2", "1:2 error missing closing parenthesis"},
        Lookup{"utf_pattern_and_other_octets", "/(*UTF8)ü/ v\n", "\xff", ""},
        Lookup{"limit", "/^(a+)+$/ v\n", "aaa", "v@1"}),
    kName);

TEST(PcreLimit, a_match_that_exceeds_the_limit_is_no_silent_miss) {
  const auto loaded = load_pcre("/(*LIMIT_MATCH=10)^(a+)+$/ v\n", kFile, Substitution::allowed);
  const auto answer = loaded.contents->find(std::string(40, 'a') + "b");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault, Fault::temporary);
  EXPECT_NE(answer.error().text.find("line 1"), std::string::npos);
}

TEST(PatternText, substitution_can_be_refused) {
  for (const auto load : {load_regexp, load_pcre}) {
    const auto loaded = load("/(a)/ x$1\n/a/ y$$\n", kFile, Substitution::refused);
    EXPECT_EQ(answer_of(*loaded.contents, "a"), "y$@2");
    expect_remarks(loaded.diagnostics, "1:7 error not allowed");
  }
}

class CidrText : public testing::TestWithParam<Lookup> {};
TEST_P(CidrText, answers) {
  check(GetParam(), [](std::string_view text) { return load_cidr(text, kFile); });
}
INSTANTIATE_TEST_SUITE_P(
    , CidrText,
    testing::Values(
        Lookup{"address", "192.0.2.1 v\n", "192.0.2.1", "v@1"},
        Lookup{"network", "192.0.2.0/24 v\n", "192.0.2.77", "v@1"},
        Lookup{"outside", "192.0.2.0/24 v\n", "192.0.3.77", ""},
        Lookup{"odd_prefix", "192.0.2.128/25 v\n", "192.0.2.127", ""},
        Lookup{"everything", "0.0.0.0/0 v\n", "203.0.113.9", "v@1"},
        Lookup{"first_rule_wins", "192.0.2.0/24 net\n", "192.0.2.1", "net@1"},
        Lookup{"order_counts_not_length", "192.0.2.1 one\n192.0.2.0/24 net\n", "192.0.2.1", "one@1"},
        Lookup{"ipv6", "2001:db8::/32 v\n", "2001:DB8:0:1::5", "v@1"},
        Lookup{"ipv6_other_spelling", "2001:db8::1 v\n", "2001:0db8:0:0::0:1", "v@1"},
        Lookup{"brackets", "[2001:db8::]/32 v\n", "2001:db8::1", "v@1"},
        Lookup{"brackets_around_all", "[192.0.2.0/24] v\n", "192.0.2.1", "v@1"},
        Lookup{"families_do_not_mix", "::/0 six\n", "192.0.2.1", ""},
        Lookup{"bang", "!192.0.2.0/24 v\n", "203.0.113.1", "v@1"},
        Lookup{"bang_is_for_its_family", "!192.0.2.0/24 v\n", "2001:db8::1", ""},
        Lookup{"if", "if 192.0.2.0/24\n192.0.2.1 in\nendif\n0.0.0.0/0 out\n", "192.0.2.1", "in@2"},
        Lookup{"if_not_held", "if 192.0.2.0/24\n0.0.0.0/0 in\nendif\n0.0.0.0/0 out\n", "203.0.113.1",
               "out@4"},
        Lookup{"if_bang", "if !192.0.2.0/24\n0.0.0.0/0 in\nendif\n0.0.0.0/0 out\n", "203.0.113.1", "in@2"},
        Lookup{"no_address", "0.0.0.0/0 v\n", "joe@example.org", ""},
        Lookup{"host_bits", "192.0.2.1/24 v\n", "192.0.2.1", "", "1:1 error write 192.0.2.0/24"},
        Lookup{"no_result", "192.0.2.0/24\n192.0.2.1 v\n", "192.0.2.1", "v@2", "1:1 error no result"},
        Lookup{"bad_prefix", "192.0.2.0/33 v\n", "192.0.2.1", "", "1:1 error from 0 to 32"},
        Lookup{"leading_zero", "010.0.0.1 v\n", "10.0.0.1", "", "1:1 error neither"},
        Lookup{"unreachable", "192.0.2.0/24 net\n192.0.2.1 one\n", "192.0.2.1", "net@1",
               "2:1 warning line 1, 192.0.2.0/24, holds all"},
        Lookup{"endif_alone", "endif\n", "192.0.2.1", "", "1:1 error without"},
        Lookup{"no_endif", "if 192.0.2.0/24\n192.0.2.1 v\n", "192.0.2.1", "v@2", "1:1 warning no \"endif\""}),
    kName);

TEST(CidrPrefixes, finding_by_prefix_is_the_same_as_one_rule_after_the_other) {
  std::uint32_t state = 12345;
  const auto next = [&state](std::uint32_t below) {
    return (state = state * 1664525U + 1013904223U) / 7 % below;
  };
  std::string plain;
  for (int i = 0; i < 300; ++i) {
    const unsigned prefix = 20 + next(13);
    const std::uint32_t base =
        (0x0a000000U | next(1U << 16)) & static_cast<std::uint32_t>(~((1ULL << (32 - prefix)) - 1));
    plain += std::to_string(base >> 24) + "." + std::to_string((base >> 16) & 255) + "." +
             std::to_string((base >> 8) & 255) + "." + std::to_string(base & 255) + "/" +
             std::to_string(prefix) + " r" + std::to_string(i) + "\n";
  }
  const auto quick = load_cidr(plain, kFile);
  const auto slow = load_cidr(plain + "!0.0.0.0/0 never\n", kFile);  // "!" keeps the rules in order
  for (int i = 0; i < 20000; ++i) {
    const std::uint32_t ip = 0x0a000000U | next(1U << 16);
    const std::string key = "10." + std::to_string((ip >> 16) & 255) + "." + std::to_string((ip >> 8) & 255) +
                            "." + std::to_string(ip & 255);
    ASSERT_EQ(answer_of(*quick.contents, key), answer_of(*slow.contents, key)) << key;
  }
}

TEST(FixedContents, holds_what_a_plain_map_holds) {
  std::uint32_t state = 99;
  const auto next = [&state](std::uint32_t below) {
    return (state = state * 1664525U + 1013904223U) / 7 % below;
  };
  FixedContents contents(kFile);
  std::unordered_map<std::string, std::string> model;
  for (std::uint32_t i = 0; i < 50000; ++i) {
    std::string key = "u" + std::to_string(next(30000)) + std::string(next(40), 'x') + "@example.org";
    const std::string value = "v" + std::to_string(i);
    const bool fresh = model.try_emplace(key, value).second;
    ASSERT_EQ(contents.add(key, value, i),
              fresh ? FixedContents::Added::added : FixedContents::Added::duplicate);
  }
  EXPECT_EQ(contents.size(), model.size());
  for (const auto& [key, value] : model) {
    const auto answer = contents.find(key);
    ASSERT_TRUE(answer && *answer);
    ASSERT_EQ((*answer)->value, value);
    ASSERT_FALSE(contents.find(key + "!")->has_value());
  }
  std::size_t rows = 0;
  contents.visit([&](const Row& row) { rows += model.at(std::string(row.key)) == row.value ? 1U : 0U; });
  EXPECT_EQ(rows, model.size());
}

TEST(Remarks, are_not_without_end) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "same v\n";
  const auto loaded = load_fixed(text, kFile);
  ASSERT_EQ(loaded.diagnostics.size(), 101U);
  EXPECT_EQ(loaded.diagnostics.back().text, "899 more like these");
}

TEST(Fold, is_utf8_and_nothing_else) {
  for (const char* good :
       {"", "abc", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x93\xae", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const char* bad : {"\x80", "\xc0\xaf", "\xc1\x81", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                          "\xf8\x88\x80\x80\x80", "\xc3", "\xe2\x82", "abcdefgh\xff"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

TEST(Fold, folding_twice_changes_nothing_more) {
  for (char32_t c = 1; c < 0x20000; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    std::string text;
    if (c < 0x80) {
      text += static_cast<char>(c);
    } else if (c < 0x800) {
      text += static_cast<char>(0xc0 | (c >> 6));
      text += static_cast<char>(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
      text += static_cast<char>(0xe0 | (c >> 12));
      text += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
      text += static_cast<char>(0x80 | (c & 0x3f));
    } else {
      text += static_cast<char>(0xf0 | (c >> 18));
      text += static_cast<char>(0x80 | ((c >> 12) & 0x3f));
      text += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
      text += static_cast<char>(0x80 | (c & 0x3f));
    }
    std::string once, twice;
    ASSERT_TRUE(append_folded(text, once));
    ASSERT_TRUE(append_folded(once, twice));
    ASSERT_EQ(once, twice) << static_cast<unsigned>(c);
  }
}

}  // namespace
}  // namespace hikyaku::table
