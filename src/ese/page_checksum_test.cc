#include "ese/page_checksum.h"

#include <gtest/gtest.h>

#include "ese/synthetic_files.h"

namespace hikyaku::ese {
namespace {

using State = PageCheck::State;

std::string flipped(std::string page, std::size_t bit) {
  page[bit / 8] = static_cast<char>(page[bit / 8] ^ (1 << bit % 8));
  return page;
}

/// Bit by bit, as the format is described.
std::uint64_t slow_checksum(std::string_view block, std::uint32_t page_number, std::size_t skipped) {
  std::uint32_t sum = page_number, low = 0;
  bool odd = false;
  for (std::size_t bit = 8 * skipped; bit < 8 * block.size(); ++bit) {
    if ((static_cast<unsigned char>(block[bit / 8]) >> bit % 8 & 1) == 0) continue;
    sum ^= 1U << bit % 32;
    low ^= static_cast<std::uint32_t>(bit);
    odd = !odd;
  }
  const auto high = low ^ (odd ? static_cast<std::uint32_t>(8 * block.size() - 1) : 0);
  return std::uint64_t{high} << 48 | std::uint64_t{low} << 32 | sum;
}

class PageSize : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(, PageSize, testing::Values(2048, 4096, 8192, 16384, 32768),
                         [](const auto& row) { return "of_" + std::to_string(row.param); });

TEST_P(PageSize, TheChecksumIsThatOfItsDescription) {
  for (const std::uint32_t number : {1U, 77U, 0xfffffff0U}) {
    const auto page = synthetic::page(std::min<std::size_t>(GetParam(), 8192), number);
    for (const std::size_t skipped : {0U, 8U})
      EXPECT_EQ(EccChecksum::compute(page, number, skipped), slow_checksum(page, number, skipped));
  }
}

TEST_P(PageSize, AWholePageIsGood) {
  for (const std::uint32_t number : {1U, 2U, 4000000000U}) {
    const auto check = check_page(synthetic::page(GetParam(), number), number);
    EXPECT_EQ(check.state, State::good);
    EXPECT_TRUE(check.ecc);
  }
}

TEST_P(PageSize, AZeroPageIsUninitialized) {
  EXPECT_EQ(check_page(std::string(GetParam(), '\0'), 9).state, State::uninitialized);
}

TEST_P(PageSize, OneWrongBitOfEachBlockIsFound) {
  const auto page = synthetic::page(GetParam(), 5);
  const auto block = GetParam() <= 8192 ? GetParam() : GetParam() / 4;
  for (std::size_t begin = 0; begin < GetParam(); begin += block) {
    for (const std::size_t octet : {begin == 0 ? 80 : begin, begin + 1001, begin + block - 1}) {
      for (const std::size_t bit : {octet * 8, octet * 8 + 7}) {
        const auto check = check_page(flipped(page, bit), 5);
        EXPECT_EQ(check.state, State::corrected) << bit;
        ASSERT_EQ(check.wrong_bits.size(), 1U) << bit;
        EXPECT_EQ(check.wrong_bits[0], bit);
        EXPECT_EQ(check.block, begin / block);
      }
    }
  }
}

TEST_P(PageSize, TwoWrongBitsOfABlockAreBad) {
  const auto page = flipped(synthetic::page(GetParam(), 5), 8 * 200);
  EXPECT_EQ(check_page(flipped(page, 8 * 200 + 3), 5).state, State::bad);
  EXPECT_EQ(check_page(flipped(page, 8 * 700 + 3), 5).state, State::bad);
}

TEST_P(PageSize, AWrongBitInThePagesOwnChecksumIsBad) {
  for (const std::size_t bit : {0U, 31U, 32U, 48U, 63U})
    EXPECT_EQ(check_page(flipped(synthetic::page(GetParam(), 5), bit), 5).state, State::bad) << bit;
}

TEST_P(PageSize, ThePageOfAnotherNumberIsMisplaced) {
  const auto check = check_page(synthetic::page(GetParam(), 6), 5);
  EXPECT_EQ(check.state, State::misplaced);
  EXPECT_EQ(check.belongs_to, 6U);
}

TEST_P(PageSize, ThePageInTheOldFormatIsCheckedByItsXor) {
  const auto page = synthetic::old_page(GetParam(), 5);
  EXPECT_EQ(check_page(page, 5).state, State::good);
  EXPECT_FALSE(check_page(page, 5).ecc);
  EXPECT_EQ(check_page(flipped(page, 8 * 600), 5).state, State::bad);
  const auto misplaced = check_page(page, 6);
  EXPECT_EQ(misplaced.state, State::misplaced);
  EXPECT_EQ(misplaced.belongs_to, 5U);
}

TEST_P(PageSize, TheBitThatTellsTheFormatIsNotMended) {
  // Cleared, it makes the page one of the old format; set, one of the new format that nothing else is.
  EXPECT_EQ(check_page(flipped(synthetic::page(GetParam(), 5), 36 * 8 + 13), 5).state, State::bad);
  EXPECT_EQ(check_page(flipped(synthetic::old_page(GetParam(), 5), 36 * 8 + 13), 5).state, State::bad);
}

TEST(PageCheck, AWrongBitInTheStoredChecksumOfAnotherBlockIsMendedByTheFirst) {
  for (const std::size_t page_size : {16384U, 32768U}) {
    const auto check = check_page(flipped(synthetic::page(page_size, 5), 8 * 48 + 3), 5);
    EXPECT_EQ(check.state, State::corrected);
    EXPECT_EQ(check.wrong_bits, (std::vector<unsigned>{8 * 48 + 3}));
  }
}

TEST(PageCheck, OneWrongBitInEveryBlockIsFoundAtOnce) {
  auto page = synthetic::page(32768, 5);
  std::vector<unsigned> bits;
  for (unsigned block = 0; block < 4; ++block) {
    bits.push_back((block * 8192 + 4000) * 8 + block);
    page = flipped(page, bits.back());
  }
  const auto check = check_page(page, 5);
  EXPECT_EQ(check.state, State::corrected);
  EXPECT_EQ(check.wrong_bits, bits);
}

TEST(PageCheck, ABadLaterBlockOutweighsAMendedFirst) {
  auto page = flipped(synthetic::page(32768, 5), 8 * 4000);
  page = flipped(flipped(page, 8 * 20000), 8 * 20001);
  const auto check = check_page(page, 5);
  EXPECT_EQ(check.state, State::bad);
  EXPECT_EQ(check.block, 2U);
  EXPECT_NE(check.stored, check.computed);
}

}  // namespace
}  // namespace hikyaku::ese
