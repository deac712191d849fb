#include "mime/inline_words.h"

#include <gtest/gtest.h>

#include "mime/any_cuts_for_tests.h"

namespace hikyaku::mime {
namespace {

struct WordsCase {
  const char* name;
  std::string_view in, out;
};
void PrintTo(const WordsCase& row, std::ostream* out) { *out << row.name; }
class InlineWordsTest : public testing::TestWithParam<WordsCase> {};

TEST_P(InlineWordsTest, AreDecodedTheSameInAnyCuts) {
  for (const auto& pieces : any_cuts(GetParam().in)) {
    InlineWords words;
    std::string out;
    for (const auto piece : pieces) words.feed(piece, out);
    words.finish(out);
    ASSERT_EQ(out, GetParam().out);
  }
}

INSTANTIATE_TEST_SUITE_P(
    , InlineWordsTest,
    testing::Values(
        WordsCase{"no_words", "a = b\n =? x\n", "a = b\n =? x\n"},
        WordsCase{"a_word", "Subject: =?UTF-8?B?6KaL56mN?= x\nb\n", "Subject: 見積 x\nb\n"},
        WordsCase{"blanks_around_stay", "  =?utf-8?q?=E8=A6=8B?=  \n", "  見  \n"},
        WordsCase{"words_that_follow_are_joined", "=?UTF-8?B?6KaL?= =?UTF-8?B?56mN?=\n", "見積\n"},
        WordsCase{"over_a_fold", "S: =?UTF-8?B?6KaL?=\r\n =?UTF-8?B?56mN?=\r\nb", "S: 見積\r\nb"},
        WordsCase{"a_fold_before_text_stays", "S: =?UTF-8?B?6KaL?=\n x\n", "S: 見\n x\n"},
        WordsCase{"two_lines_are_two", "=?UTF-8?B?6KaL?=\n=?UTF-8?B?56mN?=\n", "見\n積\n"},
        WordsCase{"what_is_no_word_stays", "=?a?x?b?= =?UTF-8?B?6KaL", "=?a?x?b?= =?UTF-8?B?6KaL"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::mime
