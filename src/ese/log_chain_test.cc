#include "ese/log_chain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ese/known_errors.h"
#include "ese/log_header.h"
#include "ese/log_segments.h"
#include "ese/synthetic_files.h"

namespace hikyaku::ese {
namespace {

using State = LogReport::State;
using testing::HasSubstr;
constexpr std::size_t kSector = 4096;

std::vector<LogReport> check(synthetic::MemoryDirectory& folder) {
  auto logs = check_logs(folder, "E00", {});
  EXPECT_TRUE(logs) << logs.error().text;
  return logs ? *logs : std::vector<LogReport>();
}
std::vector<std::string> told(const std::vector<LogReport>& logs) {
  std::vector<std::string> out;
  for (const auto& log : logs) out.push_back(log.file + " " + std::string(text(log.state)));
  return out;
}
/// The file of a log with `octets` at `offset`.
std::string changed(std::string file, std::size_t offset, const std::string& octets) {
  return file.replace(offset, octets.size(), octets);
}

SegmentReport segments(const std::string& file) {
  synthetic::MemoryFile log("E00.log", file);
  const auto header = LogHeader::parse(file.substr(0, kSector), "E00.log");
  EXPECT_TRUE(header) << header.error().text;
  if (!header) return {};
  const auto report = check_segments(log, *header);
  EXPECT_TRUE(report);
  return report ? *report : SegmentReport();
}

TEST(LogNames, TellTheGeneration) {
  EXPECT_EQ(generation_of_name("E00", "E000000000A.log"), 10);
  EXPECT_EQ(generation_of_name("E00", "e000000000a.LOG"), 10);
  EXPECT_EQ(generation_of_name("E00", "E0000012.log"), 18);
  EXPECT_EQ(generation_of_name("E00", "E00.log"), 0);
  EXPECT_EQ(generation_of_name("edb", "edb00001.jtx"), 1);
  for (const auto* other : {"E00tmp.log", "E01.log", "E00.chk", "E000000000G.log", "E00000A.log",
                            "E00res1.log", "E0000000000.log", "E00-0000001.log", ".log", ""})
    EXPECT_FALSE(generation_of_name("E00", other)) << other;
  EXPECT_EQ(log_name("E00", 10), "E000000000A.log");
}

TEST(LogSegments, AWholeLogIsOkWhereverItsWritingEnded) {
  for (unsigned written = 1; written <= 6; ++written) {
    const synthetic::Log log{.written = written};
    const auto report = segments(log.file());
    EXPECT_EQ(report.state, SegmentReport::State::ok) << written << report.reason;
    EXPECT_EQ(report.good, written);
    EXPECT_EQ(report.accumulated, log.accumulated());
    EXPECT_EQ(report.end, (LogPosition{10, static_cast<std::uint16_t>(written + 1), 0}));
  }
}

TEST(LogSegments, ALogThatWasNeverWrittenToIsOk) {
  const auto report = segments(synthetic::Log{}.header() + std::string(7 * kSector, '\0'));
  EXPECT_EQ(report.state, SegmentReport::State::ok);
  EXPECT_EQ(report.good, 0U);
  EXPECT_EQ(report.empty, 6U);
}

TEST(LogSegments, SectorsOfAnOlderLogBehindTheEndAreEmpty) {
  const synthetic::Log log{.written = 2};
  auto file = log.file();
  for (unsigned i = 4; i < 8; ++i) file.replace(i * kSector, kSector, log.sector(i, 4));
  const auto report = segments(file);
  EXPECT_EQ(report.state, SegmentReport::State::ok) << report.reason;
  EXPECT_EQ(report.good, 2U);
}

TEST(LogSegments, SectorsOfANewerLogBehindAnOlderAreCorrupt) {
  const synthetic::Log log{.written = 2};
  auto file = log.file();
  file.replace(4 * kSector, kSector, log.sector(4, 4));
  file.replace(5 * kSector, kSector, log.sector(5, 7));
  const auto report = segments(file);
  EXPECT_EQ(report.state, SegmentReport::State::corrupt);
  EXPECT_EQ(report.sector, 5U);
}

TEST(LogSegments, ATornLastSectorWithItsShadowIsMendable) {
  const synthetic::Log log{.written = 3};
  const auto report = segments(changed(log.file(), 3 * kSector + 512, std::string(3000, 'x')));
  EXPECT_EQ(report.state, SegmentReport::State::torn);
  EXPECT_EQ(report.sector, 3U);
  EXPECT_EQ(report.good, 3U);
  EXPECT_NE(report.stored, report.computed);
}

TEST(LogSegments, ATornSectorInTheVeryLastPlaceHasItsShadowToo) {
  const synthetic::Log log{.written = 6};
  EXPECT_EQ(segments(changed(log.file(), 6 * kSector + 512, std::string(30, 'x'))).state,
            SegmentReport::State::torn);
}

struct CorruptCase {
  const char* name;
  unsigned written, sector;
  std::string file;
};
class CorruptLog : public testing::TestWithParam<CorruptCase> {};
INSTANTIATE_TEST_SUITE_P(
    , CorruptLog,
    testing::Values(
        CorruptCase{"sector_in_the_middle_overwritten", 4, 2,
                    changed(synthetic::Log{.written = 4}.file(), 2 * kSector + 9, "some text")},
        CorruptCase{"last_sector_and_its_shadow_overwritten", 4, 4,
                    changed(synthetic::Log{.written = 4}.file(), 5 * kSector - 9, "some text over both")},
        CorruptCase{"written_behind_an_empty_one", 4, 3,
                    changed(synthetic::Log{.written = 4}.file(), 2 * kSector, std::string(kSector, '\0'))},
        CorruptCase{"garbage_behind_the_end", 2, 5,
                    changed(synthetic::Log{.written = 2}.file(), 5 * kSector, "some text")},
        CorruptCase{
            "sector_of_a_later_generation", 4, 2,
            changed(synthetic::Log{.written = 4}.file(), 2 * kSector, synthetic::Log{}.sector(2, 11))},
        CorruptCase{"cut", 4, 7, synthetic::Log{.written = 4}.file().substr(0, 8 * kSector - 1)}),
    [](const auto& row) { return std::string(row.param.name); });
TEST_P(CorruptLog, IsToldWithItsFirstBadSector) {
  const auto report = segments(GetParam().file);
  EXPECT_EQ(report.state, SegmentReport::State::corrupt);
  EXPECT_EQ(report.sector, GetParam().sector);
  EXPECT_FALSE(report.reason.empty());
}

TEST(LogSegments, OneWrongBitIsMended) {
  const synthetic::Log log{.written = 4};
  auto file = log.file();
  file[2 * kSector + 999] = static_cast<char>(file[2 * kSector + 999] ^ 32);
  const auto report = segments(file);
  EXPECT_EQ(report.state, SegmentReport::State::ok);
  EXPECT_EQ(report.corrected_bits, 1U);
  EXPECT_EQ(report.accumulated, log.accumulated());
}

TEST(LogHeader, IsReadAndItsTextsWithIt) {
  const auto header = LogHeader::parse(synthetic::Log{.previous_segments = 5}.header(), "E00.log");
  ASSERT_TRUE(header);
  EXPECT_EQ(header->generation, 10);
  EXPECT_EQ(header->page_size, 32768U);
  EXPECT_EQ(header->engine.system_path, "D:\\Queue\\");
  EXPECT_EQ(header->previous_segments, 5U);
  EXPECT_EQ(header->created.second, 10U);
}

TEST(LogHeader, OfOtherFilesIsRefused) {
  const auto read = [](const std::string& file) {
    const auto header = LogHeader::parse(file, "x");
    return header ? std::string() : header.error().text;
  };
  EXPECT_THAT(read(""), HasSubstr("ends at offset 0"));
  EXPECT_THAT(read(std::string(4096, 'a')), HasSubstr("checksum stored 0x61616161"));
  EXPECT_THAT(read(synthetic::Database{}.header()), HasSubstr("is a database"));
  EXPECT_THAT(read(synthetic::checkpoint(1)), HasSubstr("is a checkpoint file"));
  std::string no_type(4096, '\0');
  EXPECT_THAT(read(synthetic::seal_header(no_type)), HasSubstr("offset 667 holds 0, expected 3"));
}

TEST(LogChain, ThreeGenerationsInOrderAreOk) {
  auto folder = synthetic::three_logs();
  const auto logs = check(folder);
  EXPECT_THAT(told(logs), testing::ElementsAre("E000000000A.log ok", "E000000000B.log ok", "E00.log ok"));
  EXPECT_EQ(logs[2].generation, 12);
  EXPECT_TRUE(logs[2].current);
}

TEST(LogChain, AGapIsToldAsOneRange) {
  auto folder = synthetic::three_logs();
  folder.files["E0000000005.log"] = synthetic::Log{.generation = 5}.file();
  folder.files.erase("E000000000B.log");
  const auto logs = check(folder);
  EXPECT_THAT(told(logs),
              testing::ElementsAre("E0000000005.log ok", "E0000000006.log missing", "E000000000A.log ok",
                                   "E000000000B.log missing", "E00.log ok"));
  EXPECT_EQ(logs[1].last_generation, 9);
  EXPECT_EQ(logs[1].error, kMissingLogFile);
}

TEST(LogChain, ALogOfAnotherSequenceIsForeign) {
  auto folder = synthetic::three_logs();
  folder.files["E000000000B.log"] = synthetic::Log{.generation = 11, .signature = 78}.file();
  const auto logs = check(folder);
  EXPECT_EQ(logs[1].state, State::foreign);
  EXPECT_EQ(logs[1].error, kBadLogSignature);
  EXPECT_EQ(logs[1].offset, 44U);
}

TEST(LogChain, ALogThatFollowsAnotherLogOfTheSameNumberIsOutOfSequence) {
  auto folder = synthetic::three_logs();
  auto other = synthetic::Log{.generation = 11}.header();
  synthetic::put_time(other, 24, 59);
  synthetic::seal_header(other);
  auto file = synthetic::Log{.generation = 11}.file();
  folder.files["E000000000B.log"] = file.replace(0, other.size(), other);
  const auto logs = check(folder);
  EXPECT_EQ(logs[1].error, kInvalidLogSequence);
  EXPECT_THAT(logs[1].reason, HasSubstr("was made 11/16/2021 20:21:10.069 UTC"));
}

TEST(LogChain, ALogThatWasChangedAsAWholeIsSeenByTheNext) {
  auto folder = synthetic::three_logs();
  folder.files["E000000000A.log"] = synthetic::Log{.generation = 10, .written = 5}.file();
  const auto logs = check(folder);
  EXPECT_EQ(logs[0].state, State::ok);
  EXPECT_EQ(logs[1].error, kLogSequenceChecksumMismatch);
  EXPECT_EQ(logs[1].offset, 653U);
}

TEST(LogChain, ARenamedLogIsOutOfSequence) {
  auto folder = synthetic::three_logs();
  folder.files["E0000000009.log"] = folder.files["E000000000B.log"];
  const auto logs = check(folder);
  EXPECT_EQ(logs[0].error, kLogGenerationMismatch);
  EXPECT_EQ(logs[1].state, State::ok);
}

TEST(LogChain, ACurrentLogThatIsAlsoArchivedIsOutOfSequence) {
  auto folder = synthetic::three_logs();
  folder.files["E000000000C.log"] = folder.files["E00.log"];
  EXPECT_EQ(check(folder).back().error, kInvalidLogSequence);
}

TEST(LogChain, ADamagedHeaderIsCorruptAndTheOthersAreStillRead) {
  auto folder = synthetic::three_logs();
  folder.files["E000000000B.log"][100] ^= 1;
  const auto logs = check(folder);
  EXPECT_THAT(told(logs),
              testing::ElementsAre("E000000000A.log ok", "E000000000B.log corrupt", "E00.log ok"));
  EXPECT_EQ(logs[1].error, kLogFileCorrupt);
  EXPECT_EQ(logs[1].generation, 11);
  EXPECT_THAT(logs[1].reason, testing::StartsWith("the header at offset 0 is damaged"));
}

TEST(LogChain, ATornLogIsToldAndNotBad) {
  auto folder = synthetic::three_logs();
  folder.files["E00.log"].replace(4 * kSector + 100, 5, "xxxxx");
  const auto logs = check(folder);
  EXPECT_EQ(logs[2].state, State::torn);
  EXPECT_FALSE(logs[2].bad());
  EXPECT_EQ(logs[2].offset, 4 * kSector);
}

TEST(LogChain, OfOlderFormatsHeadersAndSequenceAreChecked) {
  auto folder = synthetic::three_logs();
  folder.files["E000000000B.log"] = synthetic::Log{.generation = 11, .major = 7}.file();
  const auto logs = check(folder);
  EXPECT_EQ(logs[1].state, State::headers_only);
  EXPECT_FALSE(logs[1].bad());
  EXPECT_EQ(logs[2].state, State::ok);
  folder.files["E000000000B.log"] = synthetic::Log{.generation = 11, .signature = 78, .major = 7}.file();
  EXPECT_EQ(check(folder)[1].state, State::foreign);
}

TEST(LogChain, AFolderWithoutThatBaseNameIsNotFound) {
  synthetic::MemoryDirectory folder;
  folder.files["E01.log"] = synthetic::Log{}.file();
  const auto logs = check_logs(folder, "E00", {});
  ASSERT_FALSE(logs);
  EXPECT_EQ(logs.error().fault, Fault::not_found);
}

TEST(LogChain, EachLogIsToldWhenItIsDone) {
  auto folder = synthetic::three_logs();
  int count = 0;
  EXPECT_TRUE(check_logs(folder, "E00", [&](const LogReport&) { ++count; }));
  EXPECT_EQ(count, 3);
}

}  // namespace
}  // namespace hikyaku::ese
