#include "milter/latency_histogram.h"

#include <gtest/gtest.h>

#include <numeric>

namespace hikyaku::milter {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(LatencyHistogram, a_bound_belongs_to_its_bucket) {
  LatencyHistogram histogram;
  histogram.add(microseconds{100});
  histogram.add(microseconds{101});
  EXPECT_EQ(histogram.buckets()[0], 1U);
  EXPECT_EQ(histogram.buckets()[1], 1U);
  EXPECT_EQ(histogram.count(), 2U);
  EXPECT_EQ(histogram.sum(), microseconds{201});
}

TEST(LatencyHistogram, what_is_longer_than_all_bounds_is_counted_too) {
  LatencyHistogram histogram;
  histogram.add(seconds{301});
  EXPECT_EQ(histogram.buckets().back(), 1U);
  EXPECT_EQ(std::accumulate(histogram.buckets().begin(), histogram.buckets().end(), std::uint64_t{0}), 1U);
  EXPECT_EQ(histogram.quantile(0.5), seconds{300});
}

TEST(LatencyHistogram, quantiles_lie_between_the_bounds_of_their_bucket) {
  LatencyHistogram histogram;
  for (int i = 0; i < 90; ++i) histogram.add(milliseconds{2});
  for (int i = 0; i < 10; ++i) histogram.add(milliseconds{800});
  EXPECT_GT(histogram.quantile(0.5), milliseconds{1});
  EXPECT_LE(histogram.quantile(0.5), microseconds{2500});
  EXPECT_EQ(histogram.quantile(0.9), microseconds{2500});
  EXPECT_GT(histogram.quantile(0.99), milliseconds{500});
  EXPECT_EQ(histogram.quantile(1), seconds{1});
}

TEST(LatencyHistogram, nothing_counted_is_nothing_told) {
  EXPECT_EQ(LatencyHistogram().quantile(0.99), microseconds{0});
}

}  // namespace
}  // namespace hikyaku::milter
