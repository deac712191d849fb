#include "config/expand.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace hikyaku::config {
namespace {

using testing::HasSubstr;

/// Names with the values that they have before expansion.
class Values : public Names {
 public:
  Values(std::initializer_list<std::pair<std::string, std::string>> values) {
    for (const auto& [name, value] : values) values_.emplace(name, SourceText(value));
  }
  const SourceText* find(std::string_view name) const override {
    const auto found = values_.find(name);
    return found == values_.end() ? nullptr : &found->second;
  }

 private:
  std::map<std::string, SourceText, std::less<>> values_;
};

SourceText placed(std::string_view text) {
  SourceText result;
  result.append(text, {.origin = {1, 7}, .column = 1});
  return result;
}

struct Case {
  const char* name;
  const char* raw;
  const char* expected;
};

class Expand : public testing::TestWithParam<Case> {};

// What Postfix 3.7.11 makes of each of these was asked of it (postconf -x).
TEST_P(Expand, gives_what_postfix_gives) {
  const Values values{{"a", "$b"}, {"b", ""}, {"c", "see"}, {"d", "x$c"}, {"compatibility_level", "3.6"}};
  Diagnostics diagnostics;
  const auto result = expand("p", placed(GetParam().raw), values, diagnostics);
  ASSERT_TRUE(result.has_value()) << diagnostics.all().front().text;
  EXPECT_EQ(result->text(), GetParam().expected);
  EXPECT_FALSE(diagnostics.failed());
}

INSTANTIATE_TEST_SUITE_P(
    , Expand,
    testing::Values(
        Case{"a_name", "$c", "see"}, Case{"a_name_in_braces", "${c}", "see"},
        Case{"a_name_in_parentheses", "$(c)", "see"}, Case{"a_value_that_has_a_name", "$d", "xsee"},
        Case{"an_unknown_name_is_empty", "[$nobody]", "[]"},
        Case{"a_name_ends_at_the_first_other_octet", "$c-x $c.y $c?z", "see-x see.y see?z"},
        Case{"two_dollars_are_one", "$$c $c$$ $$$c", "$c see$ $see"},
        Case{"blanks_around_a_name_in_braces", "${ c }", "see"}, Case{"if_set", "${c?yes}", "yes"},
        Case{"if_set_but_is_empty", "${b?yes}", ""},
        Case{"if_set_looks_at_the_value_before_expansion", "${a?yes}", "yes"},
        Case{"if_not_set", "${b:no}${nobody:none}", "nonone"}, Case{"if_not_set_but_is", "${c:no}", ""},
        Case{"if_not_set_looks_at_the_value_before_expansion", "${a:no}", ""},
        Case{"both_ways_true", "${c?{one}:{two}}", "one"}, Case{"both_ways_false", "${b?{one}:{two}}", "two"},
        Case{"blanks_between_the_parts", "${c ? {one} : {two}}", "one"},
        Case{"blanks_inside_braces_stay", "x${c?{ one }}y", "x one y"},
        Case{"blanks_of_bare_text_stay", "x${c? one }y${nobody: two }z", "x one y two z"},
        Case{"bare_text_goes_to_the_end", "${c?a:b}", "a:b"},
        Case{"the_second_may_be_bare", "${b?{one} : two}", " two"},
        Case{"blanks_after_a_brace", "${c?{one} }", "one"}, Case{"an_empty_second", "${c?{yes}:}", "yes"},
        Case{"an_empty_first", "${c?}x", "x"}, Case{"braces_inside_braces", "${c?{ {yes} }}", " {yes} "},
        Case{"parentheses_with_a_choice", "$(c?{1}:{2})", "1"},
        Case{"names_inside_a_choice", "${c?{${d}}:{$nobody}}", "xsee"},
        Case{"the_value_of_a_choice", "${nobody:$c}", "see"},
        Case{"equal", "${{$d} == {xsee}?{eq}:{ne}}", "eq"},
        Case{"blanks_count_in_a_comparison", "${{ $d} == {xsee}?{eq}:{ne}}", "ne"},
        Case{"not_equal", "${{a}!={a}:{yes}}", "yes"}, Case{"without_blanks", "${{a}=={a}?{yes}}", "yes"},
        Case{"a_comparison_alone", "${{a} == {a}}${{a} == {b}}", "true"},
        Case{"a_blank_before_it", "${ {a} == {a}?{1}:{2}}", "1"},
        Case{"numbers_as_numbers",
             "${{10} > {9}?{num}:{lex}} ${{01} == {1}?{1}:{2}} ${{-1} < {0}?{num}:{lex}}", "num 1 num"},
        Case{"other_text_octet_by_octet",
             "${{10a} > {9a}?{num}:{lex}} ${{a} > {B}?{1}:{2}} ${{+1} == {1}?{1}:{2}}", "lex 1 2"},
        Case{"less_or_equal", "${{a} <= {b}?{1}:{2}} ${{a} < {a}?{1}:{2}} ${{x} >= {y}?{1}:{2}}", "1 2 2"},
        Case{"levels",
             "${{3.10} >=level {3.9} ? {y} : {n}} ${{2} ==level {2.0}?{1}:{2}} ${{2} <level {2.0.1}?{1}:{2}}",
             "y 1 1"},
        Case{"the_level_of_the_file", "${{$compatibility_level} <level {1} ? {yes} : {no}}", "no"},
        Case{"empty_is_empty", "${{$nobody} == {}?{1}:{2}}", "1"},
        Case{"a_comparison_in_a_branch", "${{a} == {a}?{${c?{$d}:{n}}}:{no}}", "xsee"}),
    [](const auto& row) { return std::string(row.param.name); });

struct Fault {
  const char* name;
  const char* raw;
  unsigned column;
  const char* text;
};

class ExpandFault : public testing::TestWithParam<Fault> {};

TEST_P(ExpandFault, is_told_with_its_column) {
  const Values values{{"c", "see"}, {"loop", "$p"}};
  Diagnostics diagnostics;
  EXPECT_FALSE(expand("p", placed(GetParam().raw), values, diagnostics).has_value());
  ASSERT_EQ(diagnostics.all().size(), 1u);
  EXPECT_EQ(diagnostics.all()[0].where, (Origin{1, 7}));
  EXPECT_EQ(diagnostics.all()[0].column, GetParam().column);
  EXPECT_THAT(diagnostics.all()[0].text, HasSubstr(GetParam().text));
}

INSTANTIATE_TEST_SUITE_P(
    , ExpandFault,
    testing::Values(Fault{"a_brace_that_is_not_closed", "x ${c", 4, "\"{\" is not closed"},
                    Fault{"a_parenthesis_that_is_not_closed", "$(c", 2, "\"(\" is not closed"},
                    Fault{"a_dollar_alone", "costs 5 $", 9, "write $$ for a dollar sign"},
                    Fault{"a_dollar_before_a_blank", "$ c", 1, "write $$"},
                    Fault{"empty_braces", "${}", 3, "the name of a parameter is missing"},
                    Fault{"a_choice_without_a_name", "${?x}", 3, "the name of a parameter is missing"},
                    Fault{"a_name_with_another_octet", "${c-x}", 4, "\"?\" or \":\" is expected"},
                    Fault{"text_after_a_brace", "${c?{one}x}", 10, "\":\" is expected"},
                    Fault{"two_braces_without_a_colon", "${c?{one}{two}}", 10, "\":\" is expected"},
                    Fault{"a_third_branch", "${c?{a}:{b}:{c}}", 12, "nothing may follow"},
                    Fault{"only_false_with_two", "${c:{a}:{b}}", 8, "nothing may follow"},
                    Fault{"an_unknown_operator", "${{a} = {b}?{1}:{2}}", 7, "== != < <= >= or > is expected"},
                    Fault{"no_operator", "${{a}}", 6, "is expected"},
                    Fault{"one_operand", "${{a} == b}", 10, "\"{\" is expected"},
                    Fault{"no_level", "${{a} ==level {b}?{1}:{2}}", 7, "compatibility levels are numbers"},
                    Fault{"a_level_of_four_parts", "${{3.6.0.1}<level{4}?{1}:{2}}", 12,
                          "compatibility levels"},
                    Fault{"a_number_too_large", "${{99999999999999999999} > {1}?{1}:{2}}", 26, "too large"},
                    Fault{"itself", "a $p", 3, "the value of p refers to itself: p -> p"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ExpandCircle, is_told_once_with_its_path) {
  const Values values{{"a", "$b"}, {"b", "x ${c?{$c}}"}, {"c", "$a"}};
  Diagnostics diagnostics;
  for (const auto* name : {"c", "b", "a"}) {
    EXPECT_FALSE(expand(name, *values.find(name), values, diagnostics).has_value());
  }
  ASSERT_EQ(diagnostics.all().size(), 1u);
  EXPECT_EQ(diagnostics.all()[0].text, "the value of a refers to itself: a -> b -> c -> a");
}

TEST(ExpandCircle, that_is_only_asked_about_is_none) {
  const Values values{{"a", "${a?set}"}};
  Diagnostics diagnostics;
  EXPECT_EQ(expand("a", *values.find("a"), values, diagnostics)->text(), "set");
}

TEST(ExpandLimits, a_tree_of_references_ends) {
  std::map<std::string, SourceText, std::less<>> tree;
  struct Tree : Names {
    std::map<std::string, SourceText, std::less<>> values;
    const SourceText* find(std::string_view name) const override {
      const auto found = values.find(name);
      return found == values.end() ? nullptr : &found->second;
    }
  } names;
  for (int level = 1; level < 40; ++level) {
    const auto below = "$n" + std::to_string(level - 1);
    names.values.emplace("n" + std::to_string(level), SourceText(below + below));
  }
  Diagnostics diagnostics;
  EXPECT_FALSE(expand("top", placed("$n39"), names, diagnostics).has_value());
  EXPECT_THAT(diagnostics.all().at(0).text, HasSubstr("10,000 references"));
}

TEST(ExpandLimits, a_value_that_grows_ends) {
  const Values values{{"a", std::string(100'000, 'x')}, {"b", "$a$a$a$a$a$a$a$a$a$a$a"}};
  Diagnostics diagnostics;
  EXPECT_FALSE(expand("top", placed("$b"), values, diagnostics).has_value());
  EXPECT_THAT(diagnostics.all().at(0).text, HasSubstr("longer than 1 MiB"));
}

TEST(ExpandLimits, deep_braces_end) {
  std::string raw;
  for (int depth = 0; depth < 200; ++depth) raw += "${c?{";
  for (int depth = 0; depth < 200; ++depth) raw += "}}";
  Diagnostics diagnostics;
  EXPECT_FALSE(expand("top", placed(raw), Values{{"c", "x"}}, diagnostics).has_value());
  EXPECT_THAT(diagnostics.all().at(0).text, HasSubstr("deeper than 100"));
}

TEST(ExpandReferences, are_collected_from_all_branches) {
  std::vector<std::string> names;
  Diagnostics diagnostics;
  ASSERT_TRUE(
      expand("p", placed("$a ${b?{$c}:{$(d)}} $$e ${{$f} == {x}? $g}"), Values{}, diagnostics, &names));
  EXPECT_THAT(names, testing::UnorderedElementsAre("a", "b", "c", "d", "f", "g"));
}

TEST(ExpandPlaces, each_part_knows_where_it_stands) {
  SourceText other;
  other.append("one two", {.origin = {1, 3}, .column = 9});
  struct One : Names {
    const SourceText* value = nullptr;
    const SourceText* find(std::string_view) const override { return value; }
  } names;
  names.value = &other;
  SourceText raw;
  raw.append("a $x", {.origin = {1, 7}, .column = 5});
  raw.append(" $$b", {.origin = {1, 8}, .column = 1});
  Diagnostics diagnostics;
  const auto result = *expand("p", raw, names, diagnostics);
  ASSERT_EQ(result.text(), "a one two $b");
  EXPECT_EQ(result.place(0).origin.line, 7u);
  EXPECT_EQ(result.place(6).origin.line, 3u);
  EXPECT_EQ(result.place(6).column, 13u);
  EXPECT_EQ(result.place(10).origin.line, 8u);
  EXPECT_EQ(result.place(11).column, 4u);
}

}  // namespace
}  // namespace hikyaku::config
