#include "io/log_walk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "base/varint.h"
#include "io/log_records.h"

namespace hikyaku::io {
namespace {

using testing_support::LogRecords;
using testing_support::some_log;

struct Walked {
  std::vector<std::uint64_t> sequences;
  std::vector<LogDamage> damages;  // their remains do not live
};
Walked walk(std::string_view log) {
  Walked all;
  walk_log(log, {.batch = [&](const LogBatch& batch) { all.sequences.push_back(batch.sequence); },
                 .damage = [&](const LogDamage& damage) { all.damages.push_back(damage); }});
  return all;
}

std::vector<std::uint64_t> sequences(std::uint64_t from, std::uint64_t to,
                                     std::vector<std::uint64_t> without = {}) {
  std::vector<std::uint64_t> all;
  for (auto one = from; one < to; one += 2) {
    if (!std::ranges::count(without, one)) all.push_back(one);
  }
  return all;
}

TEST(LogWalk, AWholeLogIsHandedOutInOrder) {
  const auto walked = walk(some_log(100).log());
  EXPECT_EQ(walked.sequences, sequences(100, 124));
  EXPECT_TRUE(walked.damages.empty());
  EXPECT_TRUE(walk("").sequences.empty());
}

TEST(LogWalk, AFlippedBitAnywhereCostsTheOneBatchThatItIsIn) {
  const auto whole = some_log(100);
  for (std::size_t at = 0; at < whole.log().size(); at += at < 1500 || at % 32768 < 60 ? 1 : 501) {
    auto log = whole.log();
    log[at] = static_cast<char>(log[at] ^ (1 << at % 8));
    const auto walked = walk(log);
    const auto which = static_cast<std::uint64_t>(
        std::ranges::count_if(whole.ends(), [&](std::size_t end) { return end <= at; }));
    if (walked.damages.empty()) {
      EXPECT_EQ(walked.sequences, sequences(100, 124)) << "padding, at " << at;
      continue;
    }
    EXPECT_EQ(walked.sequences, sequences(100, 124, {100 + 2 * which})) << at;
    ASSERT_EQ(walked.damages.size(), 1U) << at;
    EXPECT_LE(walked.damages[0].offset, at);
    EXPECT_GT(walked.damages[0].end, at);
  }
}

TEST(LogWalk, AZeroedSectorCostsTheBatchesInIt) {
  LogRecords whole;
  for (std::uint64_t i = 0; i < 400; ++i) whole.batch(100 + 2 * i, 2, 300);
  for (std::size_t sector = 0; sector * 4096 + 4096 < whole.log().size(); ++sector) {
    auto log = whole.log();
    std::fill_n(log.begin() + static_cast<std::ptrdiff_t>(sector * 4096), 4096, '\0');
    std::vector<std::uint64_t> lost;
    for (std::size_t i = 0; i < whole.ends().size(); ++i) {
      const auto begin = i == 0 ? 0 : whole.ends()[i - 1];
      if (begin < sector * 4096 + 4096 && whole.ends()[i] > sector * 4096) lost.push_back(100 + 2 * i);
    }
    const auto walked = walk(log);
    // A record that touches the sector only with padding is whole all the same.
    for (const auto sequence : walked.sequences) std::erase(lost, sequence);
    EXPECT_EQ(walked.sequences, sequences(100, 900, lost)) << sector;
    EXPECT_LE(lost.size(), 15U) << sector;
    ASSERT_EQ(walked.damages.size(), 1U) << sector;
  }
}

TEST(LogWalk, TwoDamagesInOneBlockDoNotCostWhatIsBetweenThem) {
  LogRecords whole;
  for (std::uint64_t i = 0; i < 20; ++i) whole.batch(100 + 2 * i, 2, 300);
  auto log = whole.log();
  log[whole.ends()[3] + 50] ^= 1;
  log[whole.ends()[12] + 50] ^= 1;
  const auto walked = walk(log);
  EXPECT_EQ(walked.sequences, sequences(100, 140, {108, 126}));
  EXPECT_EQ(walked.damages.size(), 2U);
}

TEST(LogWalk, AnUnfinishedRecordAtTheEndIsADamage) {
  const auto whole = some_log(100);
  const auto walked = walk(std::string_view(whole.log()).substr(0, whole.log().size() - 3));
  EXPECT_EQ(walked.sequences, sequences(100, 122));
  ASSERT_EQ(walked.damages.size(), 1U);
  EXPECT_EQ(walked.damages[0].offset, whole.ends()[10]);
}

/// Somebody sends a mail whose text is a record, and waits for the disk to go bad right before it.
TEST(LogWalk, ARecordInsideOfAMailIsNotTaken) {
  LogRecords forged;
  forged.batch(110, 2, 20, 'F');
  LogRecords log;
  log.batch(100, 2, 50);
  log.batch(102, 2, 50);
  std::string text = log.log();
  const auto mail_at = text.size();
  std::string mail = testing_support::little_endian_octets(104, 8) +
                     testing_support::little_endian_octets(2, 4) + std::string(100, 'm') + forged.log() +
                     std::string(100, 'm');
  log_format::append_record(text, mail);
  log_format::append_record(text, testing_support::little_endian_octets(106, 8) +
                                      testing_support::little_endian_octets(2, 4) + std::string(30, 'y'));
  for (const std::size_t damaged : {0U, 4U, 5U, 6U, 20U}) {
    auto bad = text;
    bad[mail_at + damaged] ^= 2;
    EXPECT_EQ(walk(bad).sequences, (std::vector<std::uint64_t>{100, 102, 106})) << damaged;
  }
}

TEST(LogWalk, RubbishIsGoneThroughToItsEnd) {
  std::mt19937 random(20261125);
  for (int round = 0; round < 30; ++round) {
    std::string rubbish(static_cast<std::size_t>(random() % 100000), '\0');
    for (auto& octet : rubbish) octet = static_cast<char>(random() % (round % 2 == 0 ? 256 : 5));
    const auto walked = walk(rubbish);
    EXPECT_TRUE(walked.sequences.empty());
    EXPECT_LE(walked.damages.size(), 1U);
  }
}

std::string put(std::uint32_t family, std::string_view key, std::string_view value) {
  std::string row(1, '\x05');
  put_varint(row, family);
  put_text(row, key);
  put_text(row, value);
  return row;
}

TEST(BatchRows, PutsAndRemovalsAreReadInOrder) {
  std::string batch(12, '\0');
  batch += put(3, "key", "value");
  batch += std::string("\x03\x02hi", 4) + '\x0d';  // remarks of the log itself
  batch += std::string("\x08\x02\x01k", 4) + std::string("\x04\x01\x02kk", 5) + std::string("\x00\x01p", 3);
  std::string told;
  EXPECT_TRUE(read_rows(batch, [&](const BatchRow& row) {
    told += std::to_string(row.family) + ':' + std::string(row.key) + '=' +
            std::string(row.value.value_or("-")) + ' ';
  }));
  EXPECT_EQ(told, "3:key=value 2:k=- 1:kk=- 0:p=- ");
}

TEST(BatchRows, AMalformedBatchEndsWhereItIsMalformed) {
  std::string batch(12, '\0');
  batch += put(1, "a", "1") + put(1, "b", "2");
  for (std::size_t size = 0; size < batch.size(); ++size) {
    int rows = 0;
    const bool whole = read_rows(batch.substr(0, size), [&](const BatchRow&) { ++rows; });
    EXPECT_EQ(whole, size == 12 || size == 18) << size;
    EXPECT_EQ(rows, size >= 18 ? 1 : 0) << size;
  }
  batch[12] = '\x02';
  EXPECT_FALSE(read_rows(batch, [](const BatchRow&) { FAIL(); }));
}

}  // namespace
}  // namespace hikyaku::io
