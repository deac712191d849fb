#include "config/command_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hikyaku::config {
namespace {

struct Case {
  const char* name;
  std::string_view text;
  std::vector<std::string> words;
};
class CommandWords : public testing::TestWithParam<Case> {};

TEST_P(CommandWords, AreThoseOfAShell) {
  const auto words = command_words(GetParam().text);
  ASSERT_TRUE(words) << words.error().text;
  EXPECT_EQ(*words, GetParam().words);
}

INSTANTIATE_TEST_SUITE_P(
    , CommandWords,
    testing::Values(
        Case{"none", "", {}}, Case{"blanks_alone_are_none", " \t\n ", {}},
        Case{"blanks_separate", " /usr/sbin/x\t-p  unix:/run/x\n", {"/usr/sbin/x", "-p", "unix:/run/x"}},
        Case{"nothing_is_expanded",
             "$HOME ~ *.conf `id` $(id) a;b |",
             {"$HOME", "~", "*.conf", "`id`", "$(id)", "a;b", "|"}},
        Case{"single_quotes_keep_all", R"('a b' '\n' '"')", {"a b", R"(\n)", "\""}},
        Case{"double_quotes_keep_blanks", R"("a b" "c'd")", {"a b", "c'd"}},
        Case{"double_quotes_know_four_escapes", R"("\$\`\"\\ \n")", {R"($`"\ \n)"}},
        Case{"quotes_join_a_word", R"(a'b c'"d e"f)", {"ab cd ef"}},
        Case{"an_empty_word", R"(a '' "")", {"a", "", ""}},
        Case{"a_backslash_keeps_a_blank", R"(a\ b \\ \')", {"a b", "\\", "'"}},
        Case{"a_backslash_joins_lines", "a\\\nb \"c\\\nd\"", {"ab", "cd"}},
        Case{"a_comment_begins_a_word", "a #b c\nd e#f", {"a", "d", "e#f"}}),
    [](const auto& row) { return std::string(row.param.name); });

struct BadCase {
  const char* name;
  std::string_view text;
  const char* why;
};
class BadCommandWords : public testing::TestWithParam<BadCase> {};

TEST_P(BadCommandWords, AreRefused) {
  const auto words = command_words(GetParam().text);
  ASSERT_FALSE(words);
  EXPECT_EQ(words.error().text, GetParam().why);
}

INSTANTIATE_TEST_SUITE_P(, BadCommandWords,
                         testing::Values(BadCase{"single_quote_open", "a 'b", "a ' is not closed"},
                                         BadCase{"double_quote_open", "a \"b\\\"", "a \" is not closed"},
                                         BadCase{"backslash_at_the_end", "a\\",
                                                 "nothing stands behind the last \\"},
                                         BadCase{"nul", std::string_view("a '\0'", 5), "it has a NUL"}),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::config
