#include "table/pattern_size.h"

#include <gtest/gtest.h>

#include "table/posix_engine.h"

namespace hikyaku::table {
namespace {

TEST(PatternSize, repetitions_are_written_out) {
  EXPECT_EQ(expanded_size("", true), 0);
  EXPECT_EQ(expanded_size("abc", true), 3);
  EXPECT_EQ(expanded_size("ab+c", true), 4);
  EXPECT_EQ(expanded_size("ab*c?", true), 3);
  EXPECT_EQ(expanded_size("[a-z[:digit:]]+", true), 2);
  EXPECT_EQ(expanded_size("[]^]{9}", true), 10);
  EXPECT_EQ(expanded_size("(ab)+", true), 6);
  EXPECT_EQ(expanded_size("a{2,9}", true), 10);
  EXPECT_EQ(expanded_size(R"(\+\(\{)", true), 3);
  EXPECT_EQ(expanded_size(R"(\(ab\)\{3\})", false), 3 * 4);
  EXPECT_EQ(expanded_size("a+(b", false), 4);
  EXPECT_GT(expanded_size(std::string(60, '+').insert(0, "a"), true), 1e15);
  EXPECT_EQ(expanded_size("(a*b|c?)d", true), 5);
  EXPECT_EQ(expanded_size("(a*b)+", true), 6) << "b can't be nothing";
  const std::string hundred(100, 'x');
  EXPECT_EQ(expanded_size(hundred + "(a*)+", true), 104.0 * 104 / 10);
  EXPECT_EQ(expanded_size(hundred + "(a|b?){2}", true), expanded_size(hundred + "(a?b*){2}", true));
  std::string nested = "a";
  for (int i = 0; i < 40; ++i) nested = "(" + nested + ")+";
  EXPECT_GT(expanded_size(nested, true), 1e10);
}

TEST(PatternSize, what_people_write_is_small_and_what_takes_all_memory_is_refused) {
  EXPECT_TRUE(PosixEngine::compile(R"(^[[:alnum:]._%+-]{1,64}@([a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}$)", {}, 0));
  EXPECT_TRUE(PosixEngine::compile("^((((a?)*b?)?c*)*d?)*$", {}, 0));
  EXPECT_TRUE(PosixEngine::compile("^(([a-z]*,?)*;?)+( *)+$", {}, 0));
  EXPECT_TRUE(PosixEngine::compile("^(Subject|X-(A|B)+): .{0,255}$", {}, 2));
  for (const std::string& pattern :
       {"a" + std::string(60, '+'), std::string("!++++*+++++++++++++B"), std::string("^(.*)*++++"),
        "a" + std::string(30, '?'), std::string("((((a*)+)+){2})+"), std::string("(x{1000}){1000}"),
        std::string("((((a{99}){99}){99}){99})")}) {
    const auto compiled = PosixEngine::compile(pattern, {}, 0);
    ASSERT_FALSE(compiled) << pattern;
    EXPECT_NE(compiled.error().text.find("repetitions"), std::string::npos);
  }
}

}  // namespace
}  // namespace hikyaku::table
