#include "milter/verdict_merge.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hikyaku::milter {
namespace {

using Verdict = ClientSession::Verdict;
using Kind = Verdict::Kind;

Verdict reply(int code, std::string text) { return {Kind::reply, {code, "", std::move(text)}, {}}; }

struct MergeCase {
  const char* name;
  std::vector<Verdict> verdicts;
  Strength strength;
  std::optional<std::size_t> child;
};
class Merge : public testing::TestWithParam<MergeCase> {};
TEST_P(Merge, GivesTheStrongest) {
  VerdictMerge merged;
  for (std::size_t i = 0; i < GetParam().verdicts.size(); ++i)
    merged.add(strength(GetParam().verdicts[i]), GetParam().verdicts[i], i);
  EXPECT_EQ(merged.strength(), GetParam().strength);
  EXPECT_EQ(merged.child(), GetParam().child);
  if (merged.child()) EXPECT_EQ(merged.verdict(), GetParam().verdicts[*merged.child()]);
}
const Verdict kGoOn{}, kAccept{Kind::accept, {}, {}}, kDiscard{Kind::discard, {}, {}},
    kShutdown{Kind::shutdown, SmtpReply::closing(), {}};
INSTANTIATE_TEST_SUITE_P(
    , Merge,
    testing::Values(
        MergeCase{"nobody_says_anything", {}, Strength::none, std::nullopt},
        MergeCase{"one_continues", {kAccept, kGoOn, kAccept}, Strength::go_on, 1},
        MergeCase{"all_accept", {kAccept, kAccept}, Strength::accept, 0},
        MergeCase{"tempfail_beats_continue", {kGoOn, reply(451, "a")}, Strength::tempfail, 1},
        MergeCase{"reject_beats_tempfail", {reply(451, "a"), reply(550, "b")}, Strength::reject, 1},
        MergeCase{"reject_beats_shutdown", {kShutdown, reply(550, "b")}, Strength::reject, 1},
        MergeCase{"shutdown_beats_tempfail", {reply(451, "a"), kShutdown}, Strength::shutdown, 1},
        MergeCase{"discard_beats_reject", {reply(550, "a"), kDiscard, kGoOn}, Strength::discard, 1},
        MergeCase{"the_first_among_equals", {reply(550, "a"), reply(554, "b")}, Strength::reject, 0}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(VerdictMerge, SkipIsBetweenAcceptAndContinue) {
  VerdictMerge merged;
  merged.add(Strength::accept, {}, 0);
  merged.add(Strength::skip, {}, 1);
  EXPECT_EQ(merged.strength(), Strength::skip);
  merged.add(Strength::go_on, {}, 2);
  EXPECT_EQ(merged.strength(), Strength::go_on);
}

}  // namespace
}  // namespace hikyaku::milter
