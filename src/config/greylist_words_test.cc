#include "config/greylist_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "config/greylist_conf.h"

namespace hikyaku::config {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string told_of(const std::string& line) {
  SourceCatalogue sources;
  Diagnostics diagnostics;
  read_greylist_conf(line + "\n", sources.add("greylist.conf"), diagnostics);
  return text(diagnostics, sources);
}

TEST(GreylistWords, EachStatementIsKnownToTheReader) {
  for (const auto& known : greylist_statements())
    EXPECT_THAT(told_of(std::string(known.word)), Not(HasSubstr("there is no \""))) << known.word;
  EXPECT_THAT(told_of("graylist 1h"), HasSubstr("is \"greylist\" meant?"));
}

TEST(GreylistWords, EachClauseIsReadAsOne) {
  const auto no_clause = told_of("racl greylist delay 1h");
  ASSERT_THAT(no_clause, HasSubstr("a clause"));
  for (const auto& known : greylist_clauses()) {
    const auto told = told_of("dacl greylist " + std::string(known.word) + " )");
    EXPECT_THAT(told, Not(HasSubstr("expected a clause"))) << known.word;
  }
}

TEST(GreylistWords, EachValueMayStandBehindADefault) {
  for (const auto& known : greylist_rule_values()) {
    const auto told =
        told_of("racl greylist default " + std::string(known.word) + (known.behind.empty() ? "" : " )"));
    EXPECT_THAT(told, Not(HasSubstr("a value such as"))) << known.word;
  }
}

TEST(GreylistWords, AreSortedAndSayWhatTheyMean) {
  for (const auto words : {greylist_statements(), greylist_clauses(), greylist_rule_values()}) {
    EXPECT_TRUE(std::ranges::is_sorted(words, {}, &GreylistWord::word));
    for (const auto& known : words)
      EXPECT_FALSE(known.meaning.empty() || known.meaning.ends_with('.')) << known.word;
  }
}

}  // namespace
}  // namespace hikyaku::config
