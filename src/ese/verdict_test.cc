#include "ese/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ese/synthetic_files.h"

namespace hikyaku::ese {
namespace {

using Outcome = Verdict::Outcome;
using testing::ElementsAre;
using testing::HasSubstr;

DatabaseHeader header_of(const synthetic::Database& database) {
  return DatabaseHeader::parse(database.header());
}
constexpr synthetic::Database kClean{.state = 3, .required_low = 0, .required_high = 0, .committed_high = 0};
/// Needs 10 to 12, and nothing behind.
constexpr synthetic::Database kDirty{.committed_high = 12};

LogEvidence evidence(synthetic::MemoryDirectory folder) {
  LogEvidence out{.base = "E00", .logs = {}, .checkpoint = {}};
  if (auto logs = check_logs(folder, "E00", {})) out.logs = std::move(*logs);
  if (folder.files.contains("E00.chk"))
    out.checkpoint = Checkpoint::parse(folder.files["E00.chk"], "E00.chk");
  return out;
}
Verdict decide(const synthetic::Database& database, const synthetic::MemoryDirectory& folder) {
  const auto logs = evidence(folder);
  return Verdict::decide(header_of(database), &logs);
}
std::vector<int> errors(const Verdict& verdict) {
  std::vector<int> out;
  for (const auto& problem : verdict.problems) out.push_back(problem.error);
  return out;
}

TEST(Verdict, ACleanDatabaseIsSafeWithoutItsLogs) {
  const auto verdict = Verdict::decide(header_of(kClean), nullptr);
  EXPECT_EQ(verdict.outcome, Outcome::mounts);
  EXPECT_THAT(verdict.headline, testing::StartsWith("Safe to mount"));
  EXPECT_TRUE(verdict.required.empty());
}

TEST(Verdict, OfACleanDatabaseAllLogsMayBeMoved) {
  const auto verdict = decide(kClean, synthetic::three_logs());
  EXPECT_EQ(verdict.outcome, Outcome::mounts);
  EXPECT_THAT(verdict.movable, ElementsAre("E000000000A.log", "E000000000B.log", "E00.log"));
  EXPECT_TRUE(verdict.problems.empty());
}

TEST(Verdict, ACleanDatabaseIsTheWayOutOfBadLogs) {
  auto folder = synthetic::three_logs();
  folder.files["E000000000B.log"][100] ^= 1;
  const auto verdict = decide(kClean, folder);
  EXPECT_EQ(verdict.outcome, Outcome::mounts);
  EXPECT_THAT(verdict.headline, HasSubstr("after moving these log files away"));
  EXPECT_THAT(errors(verdict), ElementsAre(-501));
}

TEST(Verdict, ADirtyDatabaseNamesTheLogsThatItNeeds) {
  const auto verdict = Verdict::decide(header_of(kDirty), nullptr);
  EXPECT_EQ(verdict.outcome, Outcome::needs_logs);
  EXPECT_THAT(verdict.headline, HasSubstr("Needs logs 10 (0xa) to 12 (0xc): do not remove them."));
  EXPECT_THAT(errors(verdict), ElementsAre(-550));
}

TEST(Verdict, ADirtyDatabaseWithAllLogsMountsByReplayingThem) {
  auto folder = synthetic::three_logs();
  auto before = synthetic::Log{.generation = 9};
  folder.files["E0000000009.log"] = before.file();
  const auto verdict = decide(kDirty, folder);
  EXPECT_EQ(verdict.outcome, Outcome::mounts_replaying) << verdict.headline;
  EXPECT_THAT(verdict.headline,
              HasSubstr("E000000000A.log to 12 (0xc), E000000000C.log: do not remove them"));
  EXPECT_THAT(verdict.movable, ElementsAre("E0000000009.log"));
}

TEST(Verdict, ATornRequiredLogIsMendedByTheReplay) {
  auto folder = synthetic::three_logs();
  folder.files["E00.log"].replace(4 * 4096 + 100, 5, "xxxxx");
  EXPECT_EQ(decide(kDirty, folder).outcome, Outcome::mounts_replaying);
}

TEST(Verdict, AMissingRequiredLogBlocks) {
  auto folder = synthetic::three_logs();
  folder.files.erase("E000000000B.log");
  const auto verdict = decide(kDirty, folder);
  EXPECT_EQ(verdict.outcome, Outcome::blocked);
  EXPECT_THAT(errors(verdict), ElementsAre(-543));
  EXPECT_EQ(verdict.problems[0].file, "E000000000B.log");
}

TEST(Verdict, MissingLogsAtBothEndsAreToldAsRanges) {
  auto folder = synthetic::three_logs();
  const synthetic::Database database{.required_low = 7, .required_high = 2000000000, .committed_high = 0};
  const auto verdict = decide(database, folder);
  EXPECT_EQ(verdict.outcome, Outcome::blocked);
  ASSERT_EQ(verdict.problems.size(), 2U);
  EXPECT_THAT(verdict.problems[0].text, HasSubstr("logs 7 (0x7), E0000000007.log to 9 (0x9)"));
  EXPECT_THAT(verdict.problems[1].text, HasSubstr("logs 13 (0xd)"));
}

TEST(Verdict, ACorruptRequiredLogBlocks) {
  auto folder = synthetic::three_logs();
  folder.files["E000000000B.log"].replace(2 * 4096 + 50, 9, "some text");
  const auto verdict = decide(kDirty, folder);
  EXPECT_EQ(verdict.outcome, Outcome::blocked);
  EXPECT_EQ(verdict.problems[0].error, -501);
  EXPECT_THAT(verdict.problems[0].text, HasSubstr("sector 2 is damaged"));
}

TEST(Verdict, LogsOfAnotherDatabaseBlock) {
  synthetic::MemoryDirectory folder;
  for (const int generation : {10, 11, 12})
    folder.files[log_name("E00", generation)] =
        synthetic::Log{.generation = generation, .signature = 5}.file();
  const auto verdict = decide(kDirty, folder);
  EXPECT_EQ(verdict.outcome, Outcome::blocked);
  EXPECT_THAT(errors(verdict), ElementsAre(-530, -530, -530));
}

TEST(Verdict, WhatTheFirstRequiredLogFollowsDoesNotMatter) {
  auto folder = synthetic::three_logs();
  folder.files["E0000000009.log"] = synthetic::Log{.generation = 9, .signature = 5}.file();
  EXPECT_EQ(decide(kDirty, folder).outcome, Outcome::mounts_replaying);
}

TEST(Verdict, AMissingCommittedLogLosesAndDoesNotBlock) {
  const auto verdict = decide({.committed_high = 14}, synthetic::three_logs());
  EXPECT_EQ(verdict.outcome, Outcome::mounts_with_loss);
  EXPECT_THAT(errors(verdict), ElementsAre(-582));
  EXPECT_THAT(verdict.problems[0].text, HasSubstr("logs 13 (0xd)"));
}

TEST(Verdict, ABadCommittedLogLosesAndDoesNotBlock) {
  auto folder = synthetic::three_logs();
  folder.files["E00.log"].replace(2 * 4096 + 50, 9, "some text");
  const auto verdict = decide({.required_high = 11, .committed_high = 12}, folder);
  EXPECT_EQ(verdict.outcome, Outcome::mounts_with_loss);
  EXPECT_THAT(errors(verdict), ElementsAre(-586));
}

TEST(Verdict, ACheckpointThatMisleadsRecoveryIsTold) {
  auto folder = synthetic::three_logs();
  folder.files["E00.chk"] = synthetic::checkpoint(12);
  EXPECT_THAT(decide(kDirty, folder).advice, testing::Contains(HasSubstr("Move E00.chk away")));
  folder.files["E00.chk"] = synthetic::checkpoint(8);
  EXPECT_THAT(decide(kDirty, folder).advice, testing::Contains(HasSubstr("which is not there")));
  folder.files["E00.chk"] = synthetic::checkpoint(10, 5);
  EXPECT_THAT(errors(decide(kDirty, folder)), ElementsAre(-532));
  folder.files["E00.chk"] = "cut";
  EXPECT_THAT(errors(decide(kDirty, folder)), ElementsAre(-533));
}

struct StateCase {
  const char* name;
  std::uint32_t state;
  Outcome outcome;
  const char* told;
};
class OtherState : public testing::TestWithParam<StateCase> {};
INSTANTIATE_TEST_SUITE_P(, OtherState,
                         testing::Values(StateCase{"just_created", 1, Outcome::other, "Just Created"},
                                         StateCase{"being_converted", 4, Outcome::other, "Being Converted"},
                                         StateCase{"force_detach", 5, Outcome::other, "Force Detach"},
                                         StateCase{"incremental_reseed", 6, Outcome::needs_logs,
                                                   "Needs logs"},
                                         StateCase{"dirty_and_patched", 7, Outcome::needs_logs, "Needs logs"},
                                         StateCase{"revert", 8, Outcome::other, "Revert In Progress"},
                                         StateCase{"never_seen", 4711, Outcome::other, "unknown (4711)"}),
                         [](const auto& row) { return std::string(row.param.name); });
TEST_P(OtherState, IsTold) {
  const auto verdict = Verdict::decide(header_of({.state = GetParam().state}), nullptr);
  EXPECT_EQ(verdict.outcome, GetParam().outcome);
  EXPECT_THAT(verdict.headline, HasSubstr(GetParam().told));
}

TEST(Verdict, ADirtyDatabaseThatNamesNoLogKeepsThemAll) {
  const auto verdict = Verdict::decide(header_of({.required_low = 0, .required_high = 0}), nullptr);
  EXPECT_EQ(verdict.outcome, Outcome::needs_logs);
  EXPECT_THAT(verdict.headline, HasSubstr("Keep all logs"));
}

TEST(Verdict, ARepairedDatabaseIsToldToBeLeft) {
  const auto verdict = Verdict::decide(
      header_of({.state = 3, .required_low = 0, .required_high = 0, .committed_high = 0, .repairs = 2}),
      nullptr);
  EXPECT_THAT(verdict.advice, testing::Contains(HasSubstr("repaired 2 time(s)")));
}

}  // namespace
}  // namespace hikyaku::ese
