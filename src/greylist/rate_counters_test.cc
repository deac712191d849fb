#include "greylist/rate_counters.h"

#include <gtest/gtest.h>

namespace hikyaku::greylist {
namespace {

using namespace std::chrono_literals;
constexpr Time kStart{std::chrono::seconds(1'000'000)};

RatelimitDefinition per_minute(const char* name) {
  RatelimitDefinition out;
  out.name = name;
  out.period = 1min;
  return out;
}

TEST(RateCounters, CountEachKeyOfEachLimit) {
  RateCounters counters;
  const auto one = per_minute("one"), other = per_minute("other");
  counters.add(one, "a", 2, kStart);
  counters.add(one, "a", 3, kStart + 10s);
  counters.add(one, "b", 7, kStart);
  EXPECT_EQ(counters.used(one, "a", kStart + 10s), 5);
  EXPECT_EQ(counters.used(one, "b", kStart + 10s), 7);
  EXPECT_EQ(counters.used(other, "a", kStart + 10s), 0);
}

TEST(RateCounters, ForgetPartByPart) {
  RateCounters counters;
  const auto limit = per_minute("one");
  for (int i = 0; i < 6; ++i) counters.add(limit, "a", 1, kStart + i * 10s);
  EXPECT_EQ(counters.used(limit, "a", kStart + 50s), 6);
  EXPECT_EQ(counters.used(limit, "a", kStart + 70s), 4) << "what was 60 s ago or more is gone";
  EXPECT_EQ(counters.used(limit, "a", kStart + 200s), 0);
  counters.add(limit, "a", 1, kStart + 200s);
  EXPECT_EQ(counters.used(limit, "a", kStart + 200s), 1);
}

TEST(RateCounters, GoOnCountingWhenTheClockIsSetBack) {
  RateCounters counters;
  const auto limit = per_minute("one");
  counters.add(limit, "a", 1, kStart);
  counters.add(limit, "a", 1, kStart - 1h);
  EXPECT_EQ(counters.used(limit, "a", kStart), 2);
}

TEST(RateCounters, AreBounded) {
  RateCounters counters;
  const auto limit = per_minute("one");
  for (std::size_t i = 0; i <= RateCounters::kLimit; ++i) counters.add(limit, std::to_string(i), 1, kStart);
  EXPECT_EQ(counters.used(limit, "0", kStart), 0);
  EXPECT_EQ(counters.used(limit, std::to_string(RateCounters::kLimit), kStart), 1);
}

}  // namespace
}  // namespace hikyaku::greylist
