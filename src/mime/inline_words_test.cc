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
    testing::Values(WordsCase{"no_words", "a = b\n =? x\n", "a = b\n =? x\n"},
                    WordsCase{"a_word", "Subject: =?UTF-8?B?6KaL56mN?= x\nb\n", "Subject: 見積 x\nb\n"},
                    WordsCase{"blanks_around_stay", "  =?utf-8?q?=E8=A6=8B?=  \n", "  見  \n"},
                    WordsCase{"words_that_follow_are_joined", "=?UTF-8?B?6KaL?= =?UTF-8?B?56mN?=\n",
                              "見積\n"},
                    WordsCase{"over_a_fold", "S: =?UTF-8?B?6KaL?=\r\n =?UTF-8?B?56mN?=\r\nb", "S: 見積\r\nb"},
                    WordsCase{"a_fold_before_text_stays", "S: =?UTF-8?B?6KaL?=\n x\n", "S: 見\n x\n"},
                    WordsCase{"two_lines_are_two", "=?UTF-8?B?6KaL?=\n=?UTF-8?B?56mN?=\n", "見\n積\n"},
                    WordsCase{"without_its_end", "a =?UTF-8?B?6KaL b\nc?=\n", "a 見 b\nc?=\n"},
                    WordsCase{"cut_at_the_end_of_the_text", "=?UTF-8?B?6KaL", "見"},
                    WordsCase{"blanks_inside", "=?UTF-8?Q?a b?=\n", "a b\n"},
                    WordsCase{"a_fold_inside", "=?UTF-8?B?6KaL\n 56mN?=\nx", "見積\nx"},
                    WordsCase{"a_question_mark_inside", "=?utf-8?Q?What?=20now?=", "What? now"},
                    WordsCase{"what_is_no_word_stays", "=?a?x?b?= =?UTF-8?B =?b", "=?a?x?b?= =?UTF-8?B =?b"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::mime
