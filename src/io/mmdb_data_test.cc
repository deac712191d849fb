#include "io/mmdb_data.h"

#include <gtest/gtest.h>

#include "io/mmdb_for_tests.h"

namespace hikyaku::io {
namespace {

using Type = MmdbData::Type;

struct ValueCase {
  const char* name;
  std::string octets;
  Type type;
  std::uint64_t number = 0;
  std::string text = {};
};

class MmdbValue : public testing::TestWithParam<ValueCase> {};

TEST_P(MmdbValue, reads_what_was_written) {
  const auto& row = GetParam();
  const std::string octets = row.octets + "x";
  const auto value = MmdbData(octets).value(0);
  ASSERT_TRUE(value);
  EXPECT_EQ(value->type, row.type);
  EXPECT_EQ(value->number, row.number);
  EXPECT_EQ(value->text, row.text);
  EXPECT_EQ(value->next, row.octets.size());
}

TEST_P(MmdbValue, every_cut_is_damage) {
  const auto& row = GetParam();
  for (std::size_t size = 0; size < row.octets.size(); ++size) {
    if (size == 400 && row.octets.size() > 1000) size = row.octets.size() - 10;  // between, all are alike
    // On the heap and of this size, so that the sanitizer sees a step too far.
    const std::string cut = row.octets.substr(0, size);
    EXPECT_FALSE(MmdbData(cut).value(0)) << size;
  }
}

INSTANTIATE_TEST_SUITE_P(
    , MmdbValue,
    testing::Values(
        ValueCase{"empty_text", mmdb_text(""), Type::text},
        ValueCase{"text_of_28_octets", mmdb_text(std::string(28, 'a')), Type::text, 0, std::string(28, 'a')},
        ValueCase{"text_of_29_octets", mmdb_text(std::string(29, 'a')), Type::text, 0, std::string(29, 'a')},
        ValueCase{"text_of_284_octets", mmdb_text(std::string(284, 'a')), Type::text, 0,
                  std::string(284, 'a')},
        ValueCase{"text_of_285_octets", mmdb_text(std::string(285, 'a')), Type::text, 0,
                  std::string(285, 'a')},
        ValueCase{"text_of_65820_octets", mmdb_text(std::string(65820, 'a')), Type::text, 0,
                  std::string(65820, 'a')},
        ValueCase{"text_of_65821_octets", mmdb_text(std::string(65821, 'a')), Type::text, 0,
                  std::string(65821, 'a')},
        ValueCase{"zero_without_octets", mmdb_number(0), Type::unsigned32},
        ValueCase{"unsigned16", mmdb_number(64496, Type::unsigned16), Type::unsigned16, 64496},
        ValueCase{"unsigned32", mmdb_number(4200000000, Type::unsigned32), Type::unsigned32, 4200000000},
        ValueCase{"unsigned64", mmdb_number(UINT64_MAX, Type::unsigned64), Type::unsigned64, UINT64_MAX},
        ValueCase{"signed32", mmdb_number(7, Type::signed32), Type::signed32, 7},
        ValueCase{"true", mmdb_header(Type::boolean, 1), Type::boolean, 1},
        ValueCase{"false", mmdb_header(Type::boolean, 0), Type::boolean, 0},
        ValueCase{"real", mmdb_header(Type::real, 8) + "12345678", Type::real},
        ValueCase{"short_real", mmdb_header(Type::short_real, 4) + "1234", Type::short_real},
        ValueCase{"octets", mmdb_header(Type::octets, 3) + "123", Type::octets},
        ValueCase{"unsigned128", mmdb_header(Type::unsigned128, 16) + "1234567890123456", Type::unsigned128},
        ValueCase{"map", mmdb_header(Type::map, 300), Type::map, 300},
        ValueCase{"array", mmdb_header(Type::array, 2), Type::array, 2},
        ValueCase{"nearest_pointer", mmdb_pointer(0), Type::pointer, 0},
        ValueCase{"last_pointer_of_11_bits", mmdb_pointer(2047), Type::pointer, 2047},
        ValueCase{"first_pointer_of_19_bits", mmdb_pointer(2048), Type::pointer, 2048},
        ValueCase{"last_pointer_of_19_bits", mmdb_pointer(526335), Type::pointer, 526335},
        ValueCase{"first_pointer_of_27_bits", mmdb_pointer(526336), Type::pointer, 526336},
        ValueCase{"last_pointer_of_27_bits", mmdb_pointer(134744063), Type::pointer, 134744063},
        ValueCase{"pointer_of_32_bits", mmdb_pointer(134744064), Type::pointer, 134744064},
        ValueCase{"small_pointer_in_the_long_form", mmdb_pointer(5, 4), Type::pointer, 5}),
    [](const auto& row) { return std::string(row.param.name); });

struct DamageCase {
  const char* name;
  std::string octets;
};

class MmdbDamage : public testing::TestWithParam<DamageCase> {};

TEST_P(MmdbDamage, is_no_value) { EXPECT_FALSE(MmdbData(GetParam().octets).resolved(0)); }

INSTANTIATE_TEST_SUITE_P(
    , MmdbDamage,
    testing::Values(DamageCase{"nothing", ""},
                    DamageCase{"number_of_16_bits_in_three_octets", mmdb_header(Type::unsigned16, 3) + "123"},
                    DamageCase{"number_of_32_bits_in_five_octets",
                               mmdb_header(Type::unsigned32, 5) + "12345"},
                    DamageCase{"real_of_seven_octets", mmdb_header(Type::real, 7) + "1234567"},
                    DamageCase{"boolean_of_two", mmdb_header(Type::boolean, 2)},
                    DamageCase{"type_that_there_is_none_of", std::string("\x01\x09x")},
                    DamageCase{"extended_type_that_comes_around", std::string("\x01\xfax")},
                    DamageCase{"cache_container", std::string("\x01\x05x")},
                    DamageCase{"end_marker", std::string("\x01\x06x")},
                    DamageCase{"pointer_out_of_the_data", mmdb_pointer(100)},
                    DamageCase{"pointer_to_itself", mmdb_pointer(0)},
                    DamageCase{"pointer_to_a_pointer", mmdb_pointer(2) + mmdb_pointer(4) + mmdb_text("a")}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(MmdbDataTest, a_map_is_gone_through_with_its_pointers) {
  std::string octets = mmdb_text("name");  // at 0
  const auto shared = octets.size();
  octets += mmdb_map({{"en", mmdb_text("x")}, {"de", mmdb_text("y")}});
  const auto map = octets.size();
  octets += mmdb_header(Type::map, 3) + mmdb_pointer(0) + mmdb_pointer(shared) + mmdb_text("list") +
            mmdb_array({mmdb_number(1), mmdb_map({{"a", mmdb_number(2)}})}) + mmdb_text("last") +
            mmdb_number(3);
  const MmdbData data(octets);
  MmdbData::Budget budget{100};
  std::string seen;
  MmdbData::Entries entries(data, data.value(map).value(), budget);
  while (const auto entry = entries.next()) {
    seen += std::string(entry->key) + ":" + std::to_string(static_cast<int>(entry->value.type)) + " ";
  }
  EXPECT_EQ(seen, "name:7 list:11 last:6 ");
  EXPECT_FALSE(entries.damaged());
  EXPECT_EQ(data.skip(map, budget), octets.size()) << "to the end";
  const auto names = data.find(data.value(map).value(), "name", budget);
  ASSERT_TRUE(names);
  EXPECT_EQ(data.find(*names, "de", budget)->text, "y");
  EXPECT_FALSE(data.find(*names, "fr", budget));
}

TEST(MmdbDataTest, a_walk_ends_with_its_budget) {
  // A thousand maps in each other.
  std::string octets;
  for (int i = 0; i < 1000; ++i) octets += mmdb_header(Type::map, 1) + mmdb_text("a");
  octets += mmdb_text("end");
  const MmdbData data(octets);
  MmdbData::Budget enough{2001}, little{2000};
  EXPECT_EQ(data.skip(0, enough), octets.size());
  EXPECT_FALSE(data.skip(0, little));
  EXPECT_EQ(little.left, 0U);
  MmdbData::Budget none{0};
  MmdbData::Entries entries(data, data.value(0).value(), none);
  EXPECT_FALSE(entries.next());
  EXPECT_TRUE(entries.damaged());
}

TEST(MmdbDataTest, a_map_with_more_entries_than_octets_is_damage) {
  const std::string octets = mmdb_header(Type::map, 16'000'000) + mmdb_text("a") + mmdb_text("b");
  const MmdbData data(octets);
  MmdbData::Budget budget{1000};
  EXPECT_FALSE(data.skip(0, budget));
  MmdbData::Entries entries(data, data.value(0).value(), budget);
  EXPECT_TRUE(entries.next());
  EXPECT_FALSE(entries.next());
  EXPECT_TRUE(entries.damaged());
}

TEST(MmdbDataTest, a_key_that_is_no_text_is_damage) {
  const std::string octets = mmdb_header(Type::map, 1) + mmdb_number(5) + mmdb_text("b");
  const MmdbData data(octets);
  MmdbData::Budget budget{1000};
  MmdbData::Entries entries(data, data.value(0).value(), budget);
  EXPECT_FALSE(entries.next());
  EXPECT_TRUE(entries.damaged());
}

}  // namespace
}  // namespace hikyaku::io
