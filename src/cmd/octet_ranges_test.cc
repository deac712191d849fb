#include "cmd/octet_ranges.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace hikyaku::cmd {
namespace {

struct RangesCase {
  const char* name;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  std::uint64_t total;
};
void PrintTo(const RangesCase& row, std::ostream* out) { *out << row.name; }
class OctetRangesTest : public testing::TestWithParam<RangesCase> {};

TEST_P(OctetRangesTest, CountsEachOctetOnceInAnyOrder) {
  auto ranges = GetParam().ranges;
  for (std::size_t turn = 0; turn < ranges.size(); ++turn) {
    OctetRanges forward, backward;
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      const auto& [begin, end] = ranges[(turn + i) % ranges.size()];
      EXPECT_TRUE(forward.add(begin, end));
      const auto& [last_begin, last_end] = ranges[(turn + ranges.size() - i) % ranges.size()];
      EXPECT_TRUE(backward.add(last_begin, last_end));
    }
    EXPECT_EQ(forward.total(), GetParam().total);
    EXPECT_EQ(backward.total(), GetParam().total);
  }
}

INSTANTIATE_TEST_SUITE_P(
    , OctetRangesTest,
    testing::Values(RangesCase{"one", {{3, 5}}, 2}, RangesCase{"empty", {{3, 3}}, 0},
                    RangesCase{"twice", {{0, 10}, {0, 10}}, 10},
                    RangesCase{"side_by_side", {{0, 10}, {10, 20}, {20, 21}}, 21},
                    RangesCase{"with_a_hole", {{0, 10}, {20, 30}, {0, 10}}, 20},
                    RangesCase{"over_each_other", {{0, 10}, {5, 15}, {12, 13}}, 15},
                    RangesCase{"one_over_many", {{2, 3}, {5, 6}, {8, 9}, {0, 20}}, 20},
                    RangesCase{"up_to_the_last", {{0, 1}, {~std::uint64_t{0} - 1, ~std::uint64_t{0}}}, 2}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(OctetRanges, RefusesMoreHolesThanItHolds) {
  OctetRanges ranges;
  for (std::uint64_t i = 0; i < OctetRanges::kMost; ++i) EXPECT_TRUE(ranges.add(2 * i, 2 * i + 1));
  EXPECT_FALSE(ranges.add(1'000'000, 1'000'001));
  EXPECT_TRUE(ranges.add(1, 2));
  EXPECT_EQ(ranges.total(), OctetRanges::kMost + 1);
}

}  // namespace
}  // namespace hikyaku::cmd
