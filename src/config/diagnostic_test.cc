#include "config/diagnostic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hikyaku::config {
namespace {

using testing::HasSubstr;
using testing::Not;

class DiagnosticsTest : public testing::Test {
 protected:
  DiagnosticsTest() : file_(sources_.add("main.cf")) {}
  std::string said() const { return text(diagnostics_, sources_); }

  SourceCatalogue sources_;
  Diagnostics diagnostics_;
  std::uint32_t file_;
};

TEST_F(DiagnosticsTest, the_token_gives_the_column) {
  diagnostics_.keep_source(file_, "a = b\nclasses = one, two\r\n");
  diagnostics_.error({file_, 2}, "no two here", "two");
  EXPECT_EQ(said(), "main.cf:2:16: error: no two here\n  classes = one, two\n                 ^\n");
}

TEST_F(DiagnosticsTest, a_token_that_is_not_there_means_the_line) {
  diagnostics_.keep_source(file_, "classes = $other\n");
  diagnostics_.warning({file_, 1}, "no two here", "two");
  EXPECT_EQ(said(), "main.cf:1: warning: no two here\n  classes = $other\n");
}

TEST_F(DiagnosticsTest, without_a_place_or_a_source) {
  diagnostics_.note({}, "hello");
  diagnostics_.note({file_, 3}, "there");
  EXPECT_EQ(said(), "note: hello\nmain.cf:3: note: there\n");
  EXPECT_FALSE(diagnostics_.failed());
  EXPECT_EQ(diagnostics_.first_error(), nullptr);
}

TEST_F(DiagnosticsTest, one_of_each_level_is_kept_for_a_place) {
  diagnostics_.warning({file_, 1}, "w");
  diagnostics_.warning({file_, 1}, "w");
  diagnostics_.error({file_, 1}, "w");
  diagnostics_.error({file_, 1}, "other");
  EXPECT_EQ(diagnostics_.all().size(), 3u);
  EXPECT_EQ(diagnostics_.first_error()->text, "w");
  EXPECT_TRUE(diagnostics_.failed());
}

TEST_F(DiagnosticsTest, a_line_that_may_hold_a_password_is_not_shown) {
  diagnostics_.keep_source(file_, "smtp_sasl_password_maps = static:me:secret\n");
  diagnostics_.error({file_, 1}, "no such table", "static");
  EXPECT_EQ(said(), "main.cf:1:27: error: no such table\n");
}

TEST_F(DiagnosticsTest, nothing_harms_the_terminal_and_the_caret_stands_right) {
  diagnostics_.keep_source(file_, "a\t= \x1b[31m\xE3\x81\x82 x\n");
  diagnostics_.error({file_, 1}, "bad", "x");
  EXPECT_EQ(said(), "main.cf:1:14: error: bad\n  a = \\x1b[31m\xE3\x81\x82 x\n                 ^\n");
}

TEST_F(DiagnosticsTest, they_are_bounded) {
  for (std::uint32_t line = 1; line < 5000; ++line) diagnostics_.error({file_, line}, "again");
  EXPECT_EQ(diagnostics_.all().size(), 2000u);
}

}  // namespace
}  // namespace hikyaku::config
