#include "greylist/spf_word.h"

#include <gtest/gtest.h>

#include <string>

namespace hikyaku::greylist {
namespace {

struct WordCase {
  const char* name;
  SpfStatus status;
  bool unread;
  SpfWord word;
};

class SpfWords : public testing::TestWithParam<WordCase> {};

TEST_P(SpfWords, HoldForTheirResultsAndNoOthers) {
  const auto& one = GetParam();
  const SpfResult result{.status = one.status, .unread = one.unread};
  EXPECT_EQ(text(word_of(result)), text(one.word));
  for (const auto word : {SpfWord::pass, SpfWord::softfail, SpfWord::fail, SpfWord::neutral, SpfWord::unknown,
                          SpfWord::error, SpfWord::none}) {
    EXPECT_EQ(holds(word, result), word == one.word) << text(word);
  }
  // Of a check of this host only a pass says that the record lets anybody in.
  EXPECT_EQ(holds(SpfWord::self, result), one.status == SpfStatus::pass);
}

INSTANTIATE_TEST_SUITE_P(
    , SpfWords,
    testing::Values(WordCase{"pass", SpfStatus::pass, false, SpfWord::pass},
                    WordCase{"softfail", SpfStatus::softfail, false, SpfWord::softfail},
                    WordCase{"fail", SpfStatus::fail, false, SpfWord::fail},
                    WordCase{"neutral", SpfStatus::neutral, false, SpfWord::neutral},
                    WordCase{"none", SpfStatus::none, false, SpfWord::none},
                    WordCase{"malformed_record", SpfStatus::permerror, true, SpfWord::unknown},
                    WordCase{"record_that_can_not_be_had", SpfStatus::temperror, true, SpfWord::unknown},
                    WordCase{"too_many_lookups", SpfStatus::permerror, false, SpfWord::error},
                    WordCase{"silence_for_a_mechanism", SpfStatus::temperror, false, SpfWord::error}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(SpfWordNames, AreReadInAnyCase) {
  for (const std::string word : {"pass", "softfail", "fail", "neutral", "unknown", "error", "none", "self"}) {
    ASSERT_TRUE(spf_word(word).has_value()) << word;
    EXPECT_EQ(text(*spf_word(word)), word);
  }
  EXPECT_EQ(spf_word("SoftFail"), SpfWord::softfail);
  for (const auto* word : {"", "permerror", "temperror", "passed", "pass "})
    EXPECT_FALSE(spf_word(word)) << word;
}

}  // namespace
}  // namespace hikyaku::greylist
