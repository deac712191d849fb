#include "record/queue_id.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace hikyaku::record {
namespace {

struct IdCase {
  const char* name;
  std::uint64_t value;
  std::string_view text;
};
void PrintTo(const IdCase& row, std::ostream* out) { *out << row.name; }

class QueueIdText : public testing::TestWithParam<IdCase> {};

TEST_P(QueueIdText, PrintsAndParsesBack) {
  const QueueId id(GetParam().value);
  EXPECT_EQ(id.text(), GetParam().text);
  const auto parsed = QueueId::parse(GetParam().text);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(*parsed, id);
  EXPECT_EQ(QueueId::from_key(id.key()), id);
}

INSTANTIATE_TEST_SUITE_P(
    , QueueIdText,
    testing::Values(IdCase{"zero_is_padded", 0, "0000000000z0"}, IdCase{"one_microsecond", 1, "0000000001z0"},
                    IdCase{"one_second", 1'000'000, "0000010000z0"},
                    IdCase{"last_microsecond_of_a_second", 999'999, "00000075plz0"},
                    IdCase{"a_day_of_2026", 1'795'564'100'123'456, "4jYzyr0sf8z0"},
                    IdCase{"seven_digits_of_seconds", 19'770'609'664'000'000, "10000000000z0"}),
    [](const auto& row) { return std::string(row.param.name); });

class NoQueueId : public testing::TestWithParam<std::pair<const char*, std::string_view>> {};
TEST_P(NoQueueId, IsRefused) {
  const auto parsed = QueueId::parse(GetParam().second);
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().fault, Fault::malformed);
}
INSTANTIATE_TEST_SUITE_P(, NoQueueId,
                         testing::Values(std::pair{"empty", std::string_view("")},
                                         std::pair{"short_id_of_postfix", std::string_view("4A1B2C3D")},
                                         std::pair{"without_its_tail", std::string_view("000000000000")},
                                         std::pair{"a_vowel", std::string_view("000000000Az0")},
                                         std::pair{"too_many_microseconds", std::string_view("00000075pmz0")},
                                         std::pair{"superfluous_padding", std::string_view("00000000000z0")},
                                         std::pair{"out_of_range",
                                                   std::string_view("zzzzzzzzzzzzzzzz0000z0")},
                                         std::pair{"a_space", std::string_view("0000000000z0 ")}),
                         [](const auto& row) { return std::string(row.param.first); });

TEST(QueueId, TextAndKeySortAsTheIdsDo) {
  std::vector<QueueId> ids;
  for (std::uint64_t value = 1; value < 1'000'000'000'000'000'000; value = value * 3 + 1)
    ids.emplace_back(value);
  EXPECT_TRUE(std::ranges::is_sorted(ids, {}, &QueueId::key));
  ids.erase(std::ranges::find_if(ids, [](QueueId id) { return id.text().size() > 12; }), ids.end());
  EXPECT_TRUE(std::ranges::is_sorted(ids, {}, &QueueId::text));
}

TEST(IdSource, GrowsWhenTheClockStandsOrGoesBackAndAboveTheLastOfAnEarlierRun) {
  IdSource source(QueueId(1000));
  const auto at = [](int micros) { return Time{std::chrono::microseconds{micros}}; };
  EXPECT_EQ(source.next(at(500)), QueueId(1001));
  EXPECT_EQ(source.next(at(2000)), QueueId(2000));
  EXPECT_EQ(source.next(at(2000)), QueueId(2001));
  EXPECT_EQ(source.next(at(10)), QueueId(2002));
  EXPECT_EQ(source.next(at(-10)), QueueId(2003));
}

TEST(IdSource, ManyThreadsGetDifferentIds) {
  IdSource source;
  std::vector<std::vector<QueueId>> taken(4);
  {
    std::vector<std::jthread> threads;
    for (auto& mine : taken) {
      threads.emplace_back([&source, &mine] {
        for (int i = 0; i < 5000; ++i) mine.push_back(source.next(Time{std::chrono::microseconds{7}}));
      });
    }
  }
  std::vector<QueueId> all;
  for (const auto& mine : taken) {
    EXPECT_TRUE(std::ranges::is_sorted(mine));
    all.insert(all.end(), mine.begin(), mine.end());
  }
  std::ranges::sort(all);
  EXPECT_EQ(std::ranges::adjacent_find(all), all.end());
}

}  // namespace
}  // namespace hikyaku::record
