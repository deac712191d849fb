#include "store/from_line.h"

#include <gtest/gtest.h>

namespace hikyaku::store {
namespace {

struct FromLineCase {
  const char* name;
  std::string_view line;
  const char* sender;  // null: no such line
  std::string_view date = {};
};
void PrintTo(const FromLineCase& row, std::ostream* out) { *out << row.name; }

class FromLineTest : public testing::TestWithParam<FromLineCase> {};

TEST_P(FromLineTest, IsReadOrIsNone) {
  const auto& row = GetParam();
  const auto line = FromLine::parse(row.line);
  ASSERT_EQ(line.has_value(), row.sender != nullptr);
  if (!line) return;
  EXPECT_EQ(line->sender, row.sender);
  EXPECT_EQ(iso_text(line->date), row.date);
  const auto again = FromLine::parse(line->text());
  ASSERT_TRUE(again.has_value()) << line->text();
  EXPECT_EQ(again->date, line->date);
}

constexpr std::string_view kDate = "2026-11-24T23:48:20Z";
INSTANTIATE_TEST_SUITE_P(
    , FromLineTest,
    testing::Values(
        FromLineCase{"asctime", "From joe@example.org Tue Nov 24 23:48:20 2026", "joe@example.org", kDate},
        FromLineCase{"a_day_of_one_digit", "From a@b Tue Dec  1 03:04:05 2026", "a@b",
                     "2026-12-01T03:04:05Z"},
        FromLineCase{"a_zone_before_the_year", "From a@b Tue Nov 24 18:48:20 EST 2026", "a@b", kDate},
        FromLineCase{"an_offset_behind_the_year", "From a@b Wed Nov 25 08:48:20 2026 +0900", "a@b", kDate},
        FromLineCase{"an_offset_before_it", "From 17@xxx Tue Nov 24 23:48:20 +0000 2026", "17@xxx", kDate},
        FromLineCase{"no_seconds", "From a@b Tue Nov 24 23:48 2026", "a@b", "2026-11-24T23:48:00Z"},
        FromLineCase{"of_thunderbird", "From - Tue Nov 24 23:48:20 2026", "", kDate},
        FromLineCase{"of_a_notice", "From MAILER-DAEMON Tue Nov 24 23:48:20 2026", "", kDate},
        FromLineCase{"no_sender", "From Tue Nov 24 23:48:20 2026", "", kDate},
        FromLineCase{"of_uucp", "From joe Tue Nov 24 23:48:20 2026 remote from mars", "joe", kDate},
        FromLineCase{"a_sender_with_blanks", "From \"joe q\"@b  Tue Nov 24 23:48:20 2026", "\"joe q\"@b",
                     kDate},
        FromLineCase{"a_sentence", "From there we went on to the sea.", nullptr},
        FromLineCase{"a_sentence_with_a_day", "From Tue on we were at sea 2026", nullptr},
        FromLineCase{"no_year", "From a@b Tue Nov 24 23:48:20", nullptr},
        FromLineCase{"no_such_day", "From a@b Tue Feb 30 23:48:20 2026", nullptr},
        FromLineCase{"no_such_time", "From a@b Tue Nov 24 24:48:20 2026", nullptr},
        FromLineCase{"text_behind_the_date", "From a@b Tue Nov 24 23:48:20 2026 he said", nullptr},
        FromLineCase{"a_header", "From: joe@example.org", nullptr},
        FromLineCase{"nothing_behind_it", "From ", nullptr}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(FromLine, OneThatIsTooLongIsNone) {
  const auto line = "From " + std::string(FromLine::kLongest, 'a') + " Tue Nov 24 23:48:20 2026";
  EXPECT_FALSE(FromLine::parse(line).has_value());
}

}  // namespace
}  // namespace hikyaku::store
