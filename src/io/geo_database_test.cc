#include "io/geo_database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/geo_files_for_tests.h"

namespace hikyaku::io {
namespace {

using testing::HasSubstr;
using AutonomousSystem = GeoDatabase::AutonomousSystem;

GeoDatabase database(std::string octets) {
  auto read = GeoDatabase::read(std::move(octets), "test");
  EXPECT_TRUE(read) << read.error().text;
  return std::move(read.value());
}

// Forms of records ----------------------------------------------------------------------------------------

struct RecordCase {
  const char* name;
  std::string record;
  std::string country;
  AutonomousSystem system = {};
};

class GeoRecordForm : public testing::TestWithParam<RecordCase> {};

TEST_P(GeoRecordForm, is_read) {
  const auto& row = GetParam();
  MmdbForTests writer({});
  writer.add("192.0.2.0/24", row.record);
  const auto one = database(writer.file());
  EXPECT_EQ(one.country(ip("192.0.2.1")), row.country);
  const auto system = one.autonomous_system(ip("192.0.2.1"));
  EXPECT_EQ(system.value_or(AutonomousSystem{}), row.system);
  EXPECT_EQ(system.has_value(), row.system.number != 0);
  EXPECT_EQ(one.about().countries, row.country != "ZZ");
  EXPECT_EQ(one.about().autonomous_systems, row.system.number != 0);
  EXPECT_EQ(one.country(ip("198.51.100.1")), "ZZ") << "of no network";
}

INSTANTIATE_TEST_SUITE_P(
    , GeoRecordForm,
    testing::Values(
        RecordCase{"country_in_a_map", nested("CN"), "CN"},
        RecordCase{"country_code_alone", mmdb_map({{"country_code", mmdb_text("CN")}}), "CN"},
        RecordCase{"country_is_the_code", mmdb_map({{"country", mmdb_text("CN")}}), "CN"},
        RecordCase{"country_is_the_name_beside_the_code",
                   mmdb_map({{"country", mmdb_text("China")}, {"country_code", mmdb_text("CN")}}), "CN"},
        RecordCase{"the_map_counts_before_the_flat_code",
                   mmdb_map({{"country_code", mmdb_text("DE")},
                             {"country", mmdb_map({{"iso_code", mmdb_text("CN")}})}}),
                   "CN"},
        RecordCase{"lower_case", mmdb_map({{"country_code", mmdb_text("cn")}}), "CN"},
        RecordCase{"a_proxy", mmdb_map({{"country_code", mmdb_text("A1")}}), "A1"},
        RecordCase{"a_dash_is_none", mmdb_map({{"country_code", mmdb_text("-")}}), "ZZ"},
        RecordCase{"two_dashes_are_none", mmdb_map({{"country_code", mmdb_text("--")}}), "ZZ"},
        RecordCase{"a_name_is_none", mmdb_map({{"country", mmdb_text("China")}}), "ZZ"},
        RecordCase{"a_number_is_none", mmdb_map({{"country_code", mmdb_number(86)}}), "ZZ"},
        RecordCase{"where_it_is_registered_is_not_where_it_is",
                   mmdb_map({{"registered_country", mmdb_map({{"iso_code", mmdb_text("US")}})}}), "ZZ"},
        RecordCase{"empty_map", mmdb_map({}), "ZZ"}, RecordCase{"no_map", mmdb_text("CN"), "ZZ"},
        RecordCase{"autonomous_system",
                   mmdb_map({{"autonomous_system_number", mmdb_number(64496)},
                             {"autonomous_system_organization", mmdb_text("Example Net")}}),
                   "ZZ",
                   {64496, "Example Net"}},
        RecordCase{"asn_as_text_beside_a_country",
                   mmdb_map({{"as_name", mmdb_text("Example Net")},
                             {"asn", mmdb_text("AS64496")},
                             {"country_code", mmdb_text("CN")}}),
                   "CN",
                   {64496, "Example Net"}},
        RecordCase{"asn_as_number_with_a_name",
                   mmdb_map({{"asn", mmdb_number(64496)}, {"name", mmdb_text("Example Net")}}),
                   "ZZ",
                   {64496, "Example Net"}},
        RecordCase{"as_number_of_64_bits",
                   mmdb_map({{"as_number", mmdb_number(4200000000, MmdbData::Type::unsigned64)},
                             {"as_org", mmdb_text("Example Net")}}),
                   "ZZ",
                   {4200000000, "Example Net"}},
        RecordCase{"digits_alone", mmdb_map({{"as_number", mmdb_text("64496")}}), "ZZ", {64496, ""}},
        RecordCase{"the_first_of_the_names_counts",
                   mmdb_map({{"name", mmdb_text("b")},
                             {"autonomous_system_organization", mmdb_text("a")},
                             {"org", mmdb_text("c")},
                             {"asn", mmdb_number(2)},
                             {"autonomous_system_number", mmdb_number(1)}}),
                   "ZZ",
                   {1, "a"}},
        RecordCase{"a_name_without_a_number_is_none", mmdb_map({{"name", mmdb_text("Example Net")}}), "ZZ"},
        RecordCase{"number_zero_is_none", mmdb_map({{"asn", mmdb_number(0)}}), "ZZ"},
        RecordCase{"number_too_large_is_none",
                   mmdb_map({{"asn", mmdb_number(4294967296, MmdbData::Type::unsigned64)}}), "ZZ"},
        RecordCase{"text_that_is_no_number_is_none", mmdb_map({{"asn", mmdb_text("AS64496x")}}), "ZZ"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(GeoDatabaseTest, a_long_organization_is_cut_between_characters) {
  MmdbForTests writer({});
  std::string name(GeoDatabase::kMaxOrganization - 1, 'a');
  writer.add("192.0.2.0/24", mmdb_map({{"asn", mmdb_number(1)}, {"name", mmdb_text(name + "\xc3\xa9tc")}}));
  EXPECT_EQ(database(writer.file()).autonomous_system(ip("192.0.2.1"))->organization, name);
}

// Trees ---------------------------------------------------------------------------------------------------

struct TreeCase {
  const char* name;
  MmdbForTests::Options options;
};

class MmdbTree : public testing::TestWithParam<TreeCase> {};

TEST_P(MmdbTree, answers_for_both_families) {
  const auto& options = GetParam().options;
  const bool v6 = options.ip_version == 6;
  const auto one = database(small_mmdb(options));
  const std::vector<std::pair<std::string, std::string>> expected{
      {"1.2.3.4", "CN"},
      {"1.1.1.1", "AU"},
      {"1.255.255.255", "AU"},
      {"2.0.0.0", "ZZ"},
      {"0.0.0.0", "ZZ"},
      {"255.255.255.255", "ZZ"},
      {"203.0.113.7", "JP"},
      {"203.0.113.6", "ZZ"},
      {"::ffff:1.2.3.4", "CN"},
      {"::ffff:203.0.113.7", "JP"},
      {"2001:db8::2", v6 ? "CN" : "ZZ"},
      {"2001:db8:0:1::2", v6 ? "DE" : "ZZ"},
      {"2001:db9::", "ZZ"},
      {"2001:db8::1", "ZZ"},
  };
  for (const auto& [address, country] : expected) EXPECT_EQ(one.country(ip(address)), country) << address;
  EXPECT_EQ(one.autonomous_system(ip("2001:db8::1")).has_value(), v6);
  const auto& about = one.about();
  EXPECT_TRUE(about.ipv4);
  EXPECT_EQ(about.ipv6, v6);
  EXPECT_EQ(about.type, "Test-Country");
  EXPECT_EQ(about.description, "networks for tests");
  EXPECT_EQ(iso_text(about.built.value()), "2026-09-21T14:13:20Z");
  EXPECT_THAT(text(about), HasSubstr("mmdb Test-Country of 2026-09-21, countries"));
}

TEST_P(MmdbTree, every_cut_is_corrupt) {
  const auto whole = small_mmdb(GetParam().options);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto cut = GeoDatabase::read(whole.substr(0, size), "x");
    ASSERT_FALSE(cut) << size;
    ASSERT_EQ(cut.error().fault, Fault::corrupt) << size << cut.error().text;
  }
}

void flip_everywhere(const std::string& whole) {
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const unsigned change : {1U, 2U, 4U, 8U, 16U, 32U, 64U, 128U, 255U}) {
      auto flipped = whole;
      flipped[at] = static_cast<char>(static_cast<unsigned char>(flipped[at]) ^ change);
      answers_or_fails(std::move(flipped));
    }
  }
}

TEST_P(MmdbTree, no_changed_octet_does_harm) { flip_everywhere(small_mmdb(GetParam().options)); }

const auto kTrees = testing::Values(
    TreeCase{"records_of_24_bits_ipv6", {24, 6}}, TreeCase{"records_of_28_bits_ipv6", {28, 6}},
    TreeCase{"records_of_32_bits_ipv6", {32, 6}}, TreeCase{"records_of_24_bits_ipv4", {24, 4}},
    TreeCase{"records_of_28_bits_ipv4", {28, 4}}, TreeCase{"records_of_32_bits_ipv4", {32, 4}});
INSTANTIATE_TEST_SUITE_P(, MmdbTree, kTrees, [](const auto& row) { return std::string(row.param.name); });

TEST(GeoDatabaseTest, a_node_that_leads_out_of_the_file_is_corrupt) {
  MmdbForTests writer({});
  writer.add("192.0.2.0/24", std::size_t{1000});
  const auto read = GeoDatabase::read(writer.file(), "/etc/geo.mmdb");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().fault, Fault::corrupt);
  EXPECT_THAT(read.error().text, HasSubstr("/etc/geo.mmdb"));
  EXPECT_THAT(read.error().text, HasSubstr("leads out of the file"));
  EXPECT_THAT(read.error().text, HasSubstr("put a whole copy"));
}

TEST(GeoDatabaseTest, a_record_that_cant_be_read_is_corrupt) {
  MmdbForTests writer({});
  writer.add("192.0.2.0/24",
             mmdb_header(MmdbData::Type::map, 1) + mmdb_text("country_code") + mmdb_pointer(1000));
  const auto read = GeoDatabase::read(writer.file(), "x");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().fault, Fault::corrupt);
}

TEST(GeoDatabaseTest, records_that_share_everything_are_checked_within_bounds) {
  // Each octet of a long chain of maps is the begin of a record: looked at whole, that is the square of it.
  MmdbForTests writer({});
  std::string chain;
  for (int i = 0; i < 4000; ++i) chain += mmdb_header(MmdbData::Type::array, 1);
  const auto at = writer.put(chain + mmdb_text("end"));
  for (unsigned i = 0; i < 4000; ++i) {
    writer.add("10." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".0/24", at + 2 * i);
  }
  const auto read = GeoDatabase::read(writer.file(), "x");
  ASSERT_TRUE(read) << "records that are no maps are not gone through";
  MmdbForTests maps({});
  std::string nest;
  for (int i = 0; i < 4000; ++i) nest += mmdb_header(MmdbData::Type::map, 1) + mmdb_text("a");
  const auto begin = maps.put(nest + mmdb_text("end"));
  for (unsigned i = 0; i < 4000; ++i) {
    maps.add("10." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".0/24", begin + 3 * i);
  }
  const auto refused = GeoDatabase::read(maps.file(), "x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::corrupt);
}

// The old form --------------------------------------------------------------------------------------------

TEST(GeoDatabaseTest, country_editions_of_the_old_form_are_read) {
  for (const int edition : {GEOIP_COUNTRY_EDITION, GEOIP_LARGE_COUNTRY_EDITION}) {
    const auto one = database(small_dat(edition));
    EXPECT_EQ(one.country(ip("1.2.3.4")), "CN");
    EXPECT_EQ(one.country(ip("1.1.1.1")), "AU");
    EXPECT_EQ(one.country(ip("::ffff:203.0.113.7")), "JP");
    EXPECT_EQ(one.country(ip("203.0.113.8")), "ZZ");
    EXPECT_EQ(one.country(ip("2001:db8::1")), "ZZ") << "the other family";
    EXPECT_FALSE(one.autonomous_system(ip("1.2.3.4")));
    EXPECT_TRUE(one.about().ipv4 && !one.about().ipv6 && one.about().countries);
  }
  for (const int edition : {GEOIP_COUNTRY_EDITION_V6, GEOIP_LARGE_COUNTRY_EDITION_V6}) {
    const auto one = database(small_dat(edition));
    EXPECT_EQ(one.country(ip("2001:db8::1")), "CN");
    EXPECT_EQ(one.country(ip("2001:db8:0:1::1")), "DE");
    EXPECT_EQ(one.country(ip("2001:db9::1")), "ZZ");
    EXPECT_EQ(one.country(ip("1.2.3.4")), "ZZ") << "the other family";
    EXPECT_TRUE(one.about().ipv6 && !one.about().ipv4);
  }
  const auto about = database(small_dat(1)).about();
  EXPECT_EQ(about.type, "GeoIP Country Edition");
  EXPECT_EQ(about.description, "GEO-106FREE 20260704 Build");
  EXPECT_EQ(iso_text(about.built.value()), "2026-07-04T00:00:00Z");
  EXPECT_EQ(text(about), ".dat GeoIP Country Edition of 2026-07-04, countries of IPv4 addresses, 0.0 MB");
}

TEST(GeoDatabaseTest, early_files_of_the_old_form_number_their_editions_otherwise) {
  auto octets = small_dat(1);
  octets.back() = static_cast<char>(106);
  EXPECT_EQ(database(octets).country(ip("1.2.3.4")), "CN");
}

TEST(GeoDatabaseTest, a_file_of_the_old_form_needs_no_date) {
  CountryDatForTests writer;
  writer.add("1.2.0.0/16", "CN");
  const auto one = database(writer.file(1, "99999999 of somebody"));
  EXPECT_EQ(one.country(ip("1.2.3.4")), "CN");
  EXPECT_FALSE(one.about().built);
}

TEST(GeoDatabaseTest, other_editions_of_the_old_form_are_named) {
  CountryDatForTests writer;
  writer.add("1.2.0.0/16", "CN");
  for (const auto& [edition, name] :
       {std::pair(GEOIP_CITY_EDITION_REV1, "City"), std::pair(GEOIP_ASNUM_EDITION, "ASNum")}) {
    const auto read = GeoDatabase::read(writer.file(edition), "GeoIPCity.dat");
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().fault, Fault::permanent);
    EXPECT_THAT(read.error().text, HasSubstr(name));
  }
}

TEST(GeoDatabaseTest, no_cut_and_no_changed_octet_of_the_old_form_does_harm) {
  for (const int edition : {1, 12}) {
    const auto whole = small_dat(edition);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const auto cut = GeoDatabase::read(whole.substr(0, size), "x");
      ASSERT_FALSE(cut) << size;
      ASSERT_EQ(cut.error().fault, Fault::corrupt) << size << cut.error().text;
    }
    flip_everywhere(whole);
  }
}

}  // namespace
}  // namespace hikyaku::io
