#include "greylist/cron.h"

#include <gtest/gtest.h>

namespace hikyaku::greylist {
namespace {

struct TimesCase {
  const char* name;
  const char* times;
  CronMoment moment;
  bool holds;
};
void PrintTo(const TimesCase& row, std::ostream* out) { *out << row.times; }
class Times : public testing::TestWithParam<TimesCase> {};

TEST_P(Times, hold) {
  std::size_t place = 0;
  const auto times = CronTimes::parse(GetParam().times, place);
  ASSERT_TRUE(times) << times.error().text;
  EXPECT_EQ(times->contains(GetParam().moment), GetParam().holds);
}

INSTANTIATE_TEST_SUITE_P(
    , Times,
    testing::Values(TimesCase{"stars_are_always", "* * * * *", {59, 23, 31, 12, 6}, true},
                    TimesCase{"a_minute_of_several", "0-4,45-59 * * * *", {45, 3, 1, 1, 0}, true},
                    TimesCase{"a_minute_of_none", "0-4,45-59 * * * *", {5, 3, 1, 1, 0}, false},
                    TimesCase{"every_fifth", "*/5 * * * *", {55, 0, 1, 1, 0}, true},
                    TimesCase{"not_every_fifth", "*/5 * * * *", {56, 0, 1, 1, 0}, false},
                    TimesCase{"the_last_that_a_step_reaches", "1-10/3 * * * *", {10, 0, 1, 1, 0}, true},
                    TimesCase{"the_first_of_a_step", "1-10/3 * * * *", {1, 0, 1, 1, 0}, true},
                    TimesCase{"a_step_beyond_all", "1-10/4294967295 * * * *", {1, 0, 1, 1, 0}, true},
                    TimesCase{"office_hours", "* 8-18 * * 1-5", {0, 8, 2, 6, 5}, true},
                    TimesCase{"not_on_saturday", "* 8-18 * * 1-5", {0, 8, 2, 6, 6}, false},
                    TimesCase{"sunday_as_seven", "* * * * 7", {0, 0, 1, 1, 0}, true},
                    TimesCase{"sunday_as_seven_in_a_range", "* * * * 5-7", {0, 0, 1, 1, 0}, true},
                    TimesCase{"saturday_in_that_range", "* * * * 5-7", {0, 0, 1, 1, 6}, true},
                    TimesCase{"day_and_weekday_both", "* * 13 * 5", {0, 0, 13, 1, 4}, false},
                    TimesCase{"the_month", "* * * 2 *", {0, 0, 28, 2, 4}, true},
                    TimesCase{"not_the_month", "* * * 2 *", {0, 0, 28, 3, 4}, false}),
    [](const auto& row) { return std::string(row.param.name); });

struct FaultCase {
  const char* name;
  const char* times;
  std::size_t place;
  const char* why;
};
void PrintTo(const FaultCase& row, std::ostream* out) { *out << row.times; }
class FaultyTimes : public testing::TestWithParam<FaultCase> {};

TEST_P(FaultyTimes, are_told_with_their_place) {
  std::size_t place = 99;
  const auto times = CronTimes::parse(GetParam().times, place);
  ASSERT_FALSE(times);
  EXPECT_EQ(times.error().text, GetParam().why);
  EXPECT_EQ(place, GetParam().place);
}

INSTANTIATE_TEST_SUITE_P(
    , FaultyTimes,
    testing::Values(
        FaultCase{"empty", "", 0, "in the minute: a number or \"*\" is missing"},
        FaultCase{"too_few", "* * * *", 7, "in the day of the week: a number or \"*\" is missing"},
        FaultCase{"too_many", "* * * * * *", 10,
                  "five fields are enough: minute, hour, day, month, day of the week"},
        FaultCase{"too_large", "60 * * * *", 2, "in the minute: it is from 0 to 59"},
        FaultCase{"too_small", "* * 0 * *", 5, "in the day of the month: it is from 1 to 31"},
        FaultCase{"backwards", "* 18-8 * * *", 6, "in the hour: the range ends before it begins"},
        FaultCase{"no_end", "* 18- * * *", 5, "in the hour: the end of a range is missing"},
        FaultCase{"no_step", "*/0 * * * *", 3, "in the minute: a number from 1 is missing after \"/\""},
        FaultCase{"a_word", "* * * jan *", 6, "in the month: a number or \"*\" is missing"},
        FaultCase{"glued", "1x * * * *", 1, "in the minute: \",\" or a space is missing"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::greylist
