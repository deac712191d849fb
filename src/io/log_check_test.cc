#include "io/log_check.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "io/log_records.h"

namespace hikyaku::io {
namespace {

using State = LogReport::State;
using testing_support::LogRecords;
using testing_support::some_log;

TEST(LogCheck, AWholeLogIsOk) {
  const auto log = some_log();
  const auto report = check_log(log.log());
  EXPECT_EQ(report.state, State::ok) << report.reason;
  EXPECT_EQ(report.records, 12U);
  EXPECT_EQ(report.first_sequence, 100U);
  EXPECT_EQ(report.next_sequence, 124U);
  EXPECT_EQ(report.intact, log.log().size());
  EXPECT_EQ(check_log("").state, State::ok);
}

TEST(LogCheck, ALogCutAnywhereIsTornAndKeepsTheBatchesBefore) {
  const auto log = some_log();
  for (std::size_t size = 0; size < log.log().size(); size += size < 2000 || size % 32768 > 32700 ? 1 : 61) {
    const auto report = check_log(std::string_view(log.log()).substr(0, size));
    const auto whole = std::ranges::count_if(log.ends(), [&](std::size_t end) { return end <= size; });
    EXPECT_EQ(report.records, static_cast<std::uint64_t>(whole)) << size;
    const auto kept = whole == 0 ? 0 : log.ends()[static_cast<std::size_t>(whole - 1)];
    EXPECT_EQ(report.intact, kept);
    // A few octets of padding after a batch are neither here nor there.
    if (size - kept >= 7) EXPECT_EQ(report.state, State::torn) << size << ": " << report.reason;
    EXPECT_NE(report.state, State::corrupt) << size << ": " << report.reason;
  }
}

TEST(LogCheck, AFlippedBitBeforeTheLastBatchIsCorruptAtTheRecordItIsIn) {
  const auto log = some_log();
  for (std::size_t at = 0; at < log.ends()[10]; at += at < 500 ? 1 : 997) {
    auto damaged = log.log();
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << at % 8));
    const auto report = check_log(damaged);
    const auto padding = report.state == State::ok;
    if (padding) continue;
    EXPECT_EQ(report.state, State::corrupt) << at << ": " << report.reason;
    const auto whole = std::ranges::count_if(log.ends(), [&](std::size_t end) { return end <= at; });
    EXPECT_EQ(report.records, static_cast<std::uint64_t>(whole)) << at;
  }
}

TEST(LogCheck, AWholeLastRecordWithAWrongChecksumIsCorruptNotTorn) {
  auto damaged = some_log().log();
  damaged.back() ^= 1;
  EXPECT_EQ(check_log(damaged).state, State::corrupt);
}

TEST(LogCheck, AFileThatGrewBeforeItsContentsCameIsTorn) {
  const auto log = some_log();
  const auto report = check_log(log.log() + std::string(10000, '\0'));
  EXPECT_EQ(report.state, State::torn);
  EXPECT_EQ(report.records, 12U);
}

TEST(LogCheck, ABatchOutOfSequenceIsCorrupt) {
  LogRecords log;
  log.batch(1, 3, 10);
  log.batch(5, 1, 10);
  const auto report = check_log(log.log());
  EXPECT_EQ(report.state, State::corrupt);
  EXPECT_EQ(report.records, 1U);
  EXPECT_NE(report.reason.find("sequence 5"), std::string::npos) << report.reason;
}

struct NameCase {
  std::string_view name;
  std::uint64_t number;
};
TEST(LogCheck, KnowsTheNamesOfLogs) {
  for (const auto& row :
       {NameCase{"000012.log", 12}, NameCase{"1234567.log", 1234567}, NameCase{"LOG", 0}, NameCase{".log", 0},
        NameCase{"12.sst", 0}, NameCase{"12x.log", 0}, NameCase{"-1.log", 0}}) {
    EXPECT_EQ(log_number(row.name), row.number) << row.name;
  }
}

class LogFolder : public testing::Test {
 protected:
  void SetUp() override {
    directory = std::filesystem::temp_directory_path() / ("hikyaku-logs-" + std::to_string(::getpid()));
    std::filesystem::remove_all(directory);
    std::filesystem::create_directories(directory);
  }
  void TearDown() override { std::filesystem::remove_all(directory); }
  void put(const std::string& name, const std::string& contents) const {
    std::ofstream(directory / name, std::ios::binary) << contents;
  }
  std::vector<State> states(const std::vector<CataloguedLog>& catalogue,
                            std::uint64_t acknowledged = 0) const {
    std::vector<State> all;
    for (const auto reports = check_logs(directory, catalogue, acknowledged).value();
         const auto& report : reports)
      all.push_back(report.state);
    return all;
  }
  std::filesystem::path directory;
};

TEST_F(LogFolder, LogsThatFollowEachOtherAreOk) {
  put("000004.log", some_log(100).log());
  put("000009.log", some_log(124).log());
  put("000010.log", "");
  EXPECT_EQ(states({{4}, {9}, {10}}), (std::vector{State::ok, State::ok, State::ok}));
  EXPECT_EQ(states({{4}, {9}}), (std::vector{State::ok, State::ok, State::ok}))
      << "one that was just being made";
}

TEST_F(LogFolder, MissingLogsAreNamedWhereverTheyStood) {
  put("000004.log", some_log(100).log());
  put("000009.log", some_log(148).log());
  EXPECT_EQ(states({{4}, {7}, {9}}), (std::vector{State::ok, State::missing, State::corrupt}));
  EXPECT_EQ(states({{2}, {4}, {9}}), (std::vector{State::missing, State::ok, State::corrupt}));
  EXPECT_EQ(states({{4}, {9}, {11}}), (std::vector{State::ok, State::corrupt, State::missing}));
  EXPECT_NE(check_logs(directory, {{4}, {9}}, 0).value()[1].reason.find("missing"), std::string::npos);
}

TEST_F(LogFolder, ATornLogIsNormalOnlyAtTheEnd) {
  auto torn = some_log(100).log();
  torn.resize(torn.size() - 5);
  put("000004.log", torn);
  EXPECT_EQ(states({{4}}), std::vector{State::torn});
  put("000009.log", some_log(124).log());
  EXPECT_EQ(states({{4}, {9}}), (std::vector{State::corrupt, State::ok}));
}

TEST_F(LogFolder, ATornLogBeforeEmptyOnesIsNormalWhenAllThatWasAcknowledgedIsThere) {
  auto torn = some_log(100).log();
  torn.resize(torn.size() - 5);
  put("000004.log", torn);
  put("000009.log", "");
  put("000010.log", "");
  EXPECT_EQ(states({{4}, {9, 0, 121}}, 121), (std::vector{State::torn, State::ok, State::ok}))
      << "a crash while the engine came back from a full disk";
  EXPECT_EQ(states({{4}, {9, 0, 121}}, 123), (std::vector{State::corrupt, State::ok, State::ok}));
  EXPECT_EQ(states({{4}, {9, 0, 121}}, 0), (std::vector{State::corrupt, State::ok, State::ok}))
      << "it is not known what was acknowledged";
  EXPECT_EQ(states({{4}, {9, 0, 121}, {10}, {11}}, 121),
            (std::vector{State::corrupt, State::ok, State::ok, State::missing}));
  put("000010.log", some_log(122).log());
  EXPECT_EQ(states({{4}, {9, 0, 121}, {10}}, 121), (std::vector{State::corrupt, State::ok, State::ok}));
}

TEST_F(LogFolder, ALogThatTheDatabaseNoLongerNeedsIsLeftAlone) {
  put("000003.log", "rubbish");
  put("000004.log", some_log(100).log());
  EXPECT_EQ(states({{4}}), (std::vector{State::not_needed, State::ok}));
  put("000005.log", some_log(124).log());
  EXPECT_EQ(states({{4}}), (std::vector{State::not_needed, State::ok, State::foreign}))
      << "not listed, and not empty";
}

TEST_F(LogFolder, ALogThatIsNotTheOneOfTheCatalogueIsOfAnotherDatabase) {
  const auto ours = some_log(100).log(), theirs = some_log(7).log();
  put("000004.log", ours);
  EXPECT_EQ(states({{4, first_record_of(ours)}}), std::vector{State::ok});
  put("000004.log", theirs);
  EXPECT_EQ(states({{4, first_record_of(ours)}}), std::vector{State::foreign});
  put("000009.log", some_log(124).log());
  EXPECT_EQ(states({{4, first_record_of(ours)}, {9}}), (std::vector{State::foreign, State::ok}));
  EXPECT_EQ(first_record_of("short"), 0U);
}

TEST_F(LogFolder, AnEndBeforeWhatWasAcknowledgedIsCorruptThoughItLooksWhole) {
  const auto whole = some_log(100);
  put("000004.log", whole.log());
  EXPECT_EQ(states({{4}}, 123), std::vector{State::ok});
  EXPECT_EQ(states({{4}}, 124), std::vector{State::corrupt});
  put("000004.log", whole.log().substr(0, whole.ends()[10]));
  EXPECT_EQ(states({{4}}, 0), std::vector{State::ok}) << "it is not known what was acknowledged";
  EXPECT_EQ(states({{4}}, 123), std::vector{State::corrupt});
  put("000004.log", whole.log().substr(0, whole.log().size() - 1));
  EXPECT_EQ(states({{4}}, 121), std::vector{State::torn}) << "the last batch was never acknowledged";
  EXPECT_EQ(states({{4}}, 123), std::vector{State::corrupt});
}

TEST_F(LogFolder, ANewestLogWithoutRecordsIsWholeWhenAllIsInOlderOnesOrInTables) {
  put("000004.log", some_log(100).log());
  put("000009.log", "");
  EXPECT_EQ(states({{4}, {9, 0, 50}}, 123), (std::vector{State::ok, State::ok}));
  EXPECT_EQ(states({{4}, {9, 0, 50}}, 124), (std::vector{State::ok, State::corrupt}));
  EXPECT_EQ(states({{4}, {9, 0, 124}}, 124), (std::vector{State::ok, State::ok}));
}

}  // namespace
}  // namespace hikyaku::io
