#include "ese/page_scan.h"

#include <gtest/gtest.h>

#include "ese/synthetic_files.h"

namespace hikyaku::ese {
namespace {

struct Scanned {
  PageCounts counts;
  std::vector<PageFinding> found;
  std::vector<std::uint32_t> unreadable;
};
Scanned scan(synthetic::MemoryFile file, std::size_t page_size = 4096) {
  Scanned out;
  const auto counts = scan_pages(
      file, page_size,
      {.found = [&](const PageFinding& page) { out.found.push_back(page); },
       .unreadable = [&](std::uint32_t page, std::uint64_t, const Error&) { out.unreadable.push_back(page); },
       .progress = {}});
  EXPECT_TRUE(counts.has_value());
  if (counts) out.counts = *counts;
  return out;
}

TEST(PageScan, EveryPageOfALargeFileIsCountedOnce) {
  for (const std::uint32_t page_size : {2048U, 32768U}) {
    const auto file = synthetic::Database{.page_size = page_size}.file(1000);
    const auto out = scan({"db", file}, page_size);
    EXPECT_EQ(out.counts.pages, 1000U);
    EXPECT_EQ(out.counts.good, 1000U);
    EXPECT_TRUE(out.found.empty());
    EXPECT_FALSE(out.counts.damaged());
  }
}

TEST(PageScan, WhatIsWrongIsToldWithNumberAndOffset) {
  auto file = synthetic::Database{}.file(6);
  const auto at = [](std::uint32_t page) { return (page + 1) * std::size_t{4096}; };
  file.replace(at(2), 4096, std::string(4096, '\0'));
  file.replace(at(3), 10, "some text ");
  file[at(4) + 500] = static_cast<char>(file[at(4) + 500] ^ 4);
  file.replace(at(5), 4096, synthetic::page(4096, 6));
  const auto out = scan({"db", file});
  EXPECT_EQ(out.counts.pages, 6U);
  EXPECT_EQ(out.counts.good, 2U);
  EXPECT_EQ(out.counts.uninitialized, 1U);
  ASSERT_EQ(out.found.size(), 3U);
  EXPECT_EQ(out.found[0].page, 3U);
  EXPECT_EQ(out.found[0].offset, at(3));
  EXPECT_EQ(out.found[0].check.state, PageCheck::State::bad);
  EXPECT_EQ(out.found[1].check.state, PageCheck::State::corrected);
  EXPECT_EQ(out.found[1].check.wrong_bits, (std::vector<unsigned>{500 * 8 + 2}));
  EXPECT_EQ(out.found[2].check.state, PageCheck::State::misplaced);
  EXPECT_TRUE(out.counts.damaged());
}

TEST(PageScan, AMendableBitAloneIsNoDamage) {
  auto file = synthetic::Database{}.file(2);
  file[3 * 4096 - 1] = static_cast<char>(file[3 * 4096 - 1] ^ 1);
  const auto out = scan({"db", file});
  EXPECT_EQ(out.counts.corrected, 1U);
  EXPECT_FALSE(out.counts.damaged());
}

TEST(PageScan, AFileCutInAPageIsDamaged) {
  auto file = synthetic::Database{}.file(3);
  file.resize(file.size() - 1);
  const auto out = scan({"db", file});
  EXPECT_EQ(out.counts.pages, 2U);
  EXPECT_EQ(out.counts.octets_over, 4095U);
  EXPECT_TRUE(out.counts.damaged());
}

TEST(PageScan, AFileOfHeadersAloneHasNoPages) {
  EXPECT_EQ(scan({"db", synthetic::Database{}.file(0)}).counts.pages, 0U);
  EXPECT_EQ(scan({"db", ""}).counts.pages, 0U);
}

TEST(PageScan, ABadPlaceOfTheDiskHidesNoOtherPage) {
  synthetic::MemoryFile file("db", synthetic::Database{}.file(600));
  file.break_at(300 * 4096 + 10, 300 * 4096 + 20);
  const auto out = scan(file);
  EXPECT_EQ(out.counts.good, 599U);
  EXPECT_EQ(out.unreadable, (std::vector<std::uint32_t>{299}));
  EXPECT_TRUE(out.counts.damaged());
}

TEST(PageScan, AnImpossiblePageSizeIsRefused) {
  for (const std::size_t page_size : {0U, 1U, 1024U, 4097U, 65536U}) {
    synthetic::MemoryFile file("db", "");
    EXPECT_FALSE(scan_pages(file, page_size, {})) << page_size;
  }
}

}  // namespace
}  // namespace hikyaku::ese
