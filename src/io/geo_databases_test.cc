#include "io/geo_databases.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "io/geo_files_for_tests.h"

namespace hikyaku::io {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Level = GeoDatabases::Notice::Level;

constexpr Time kStart = Time(std::chrono::seconds(1'790'000'000));
constexpr auto kDay = std::chrono::days(1);

/// An mmdb file in which 1.2.0.0/16 has the country.
std::string mmdb_of(std::string_view code, Time built = kStart) {
  MmdbForTests writer(
      {.built = static_cast<std::uint64_t>(built.time_since_epoch() / std::chrono::seconds(1))});
  writer.add("1.2.0.0/16", nested(code));
  return writer.file();
}

class GeoDatabasesTest : public testing::Test {
 protected:
  GeoDatabasesTest() {
    std::string pattern = (fs::temp_directory_path() / "hikyaku-geos-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~GeoDatabasesTest() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  /// Writes the file and sets its time.
  void write(const std::string& name, const std::string& octets, Time changed = kStart) {
    std::ofstream(path(name), std::ios::binary) << octets;
    const auto seconds = std::chrono::floor<std::chrono::seconds>(changed).time_since_epoch().count();
    const std::array<timespec, 2> times{timespec{seconds, 0}, timespec{seconds, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path(name).c_str(), times.data(), 0), 0);
  }
  GeoDatabases of(const std::vector<std::string>& names) const {
    GeoDatabases::Settings settings;
    for (const auto& name : names) settings.sources.push_back({"geoip2db", path(name)});
    return GeoDatabases(std::move(settings));
  }
  fs::path folder_;
};

std::vector<std::string> warnings(const std::vector<GeoDatabases::Notice>& notices) {
  std::vector<std::string> texts;
  for (const auto& notice : notices) {
    if (notice.level == Level::warning) texts.push_back(notice.text);
  }
  return texts;
}

TEST_F(GeoDatabasesTest, without_files_every_country_is_unknown) {
  GeoDatabases none({});
  EXPECT_THAT(none.refresh(kStart), IsEmpty());
  EXPECT_EQ(none.country(ip("1.2.3.4")).code, "ZZ");
  EXPECT_FALSE(none.country(ip("1.2.3.4")).origin);
  EXPECT_FALSE(none.autonomous_system(ip("1.2.3.4")));
}

TEST_F(GeoDatabasesTest, an_answer_tells_where_it_is_from) {
  write("country.mmdb", mmdb_of("CN"));
  auto geo = of({"country.mmdb"});
  EXPECT_EQ(geo.country(ip("1.2.3.4")).code, "ZZ") << "nothing is read yet";
  const auto notices = geo.refresh(kStart);
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_EQ(notices[0].level, Level::information);
  EXPECT_EQ(notices[0].text,
            "geoip2db " + path("country.mmdb") +
                ": mmdb Test-Country of 2026-09-21, countries of IPv4 and IPv6 addresses, 0.0 MB, is in use");
  const auto known = geo.country(ip("1.2.3.4"));
  EXPECT_EQ(known.code, "CN");
  EXPECT_EQ(known.origin, (GeoDatabases::Origin{path("country.mmdb"), kStart}));
  const auto unknown = geo.country(ip("2001:db8::1"));
  EXPECT_EQ(unknown.code, "ZZ");
  EXPECT_EQ(unknown.origin, known.origin) << "the file that does not know it";
}

TEST_F(GeoDatabasesTest, the_first_file_that_knows_an_address_answers) {
  write("first.mmdb", mmdb_of("CN"));
  write("second.dat", small_dat(GEOIP_COUNTRY_EDITION));
  write("third.dat", small_dat(GEOIP_COUNTRY_EDITION_V6));
  MmdbForTests systems({.type = "Test-ASN"});
  systems.add("1.2.0.0/16", mmdb_map({{"asn", mmdb_number(64496)}, {"name", mmdb_text("Example Net")}}));
  write("systems.mmdb", systems.file());
  auto geo = of({"systems.mmdb", "first.mmdb", "second.dat", "third.dat"});
  EXPECT_THAT(warnings(geo.refresh(kStart)), IsEmpty());
  struct Case {
    const char* address;
    const char* code;
    const char* file;
  };
  for (const auto& one :
       {Case{"1.2.3.4", "CN", "first.mmdb"}, Case{"::ffff:1.2.3.4", "CN", "first.mmdb"},
        Case{"1.1.1.1", "AU", "second.dat"}, Case{"::ffff:1.1.1.1", "AU", "second.dat"},
        Case{"2001:db8:0:1::1", "DE", "third.dat"}, Case{"192.0.2.1", "ZZ", "first.mmdb"}}) {
    const auto country = geo.country(ip(one.address));
    EXPECT_EQ(country.code, one.code) << one.address;
    ASSERT_TRUE(country.origin) << one.address;
    EXPECT_EQ(country.origin->path, path(one.file)) << one.address;
  }
  const auto system = geo.autonomous_system(ip("1.2.3.4"));
  ASSERT_TRUE(system);
  EXPECT_EQ(system->system, (GeoDatabase::AutonomousSystem{64496, "Example Net"}));
  EXPECT_EQ(system->origin.path, path("systems.mmdb"));
  EXPECT_FALSE(geo.autonomous_system(ip("1.1.1.1")));
}

TEST_F(GeoDatabasesTest, a_changed_file_takes_the_place_of_the_old_one) {
  write("country.mmdb", mmdb_of("CN"));
  auto geo = of({"country.mmdb"});
  (void)geo.refresh(kStart);
  EXPECT_THAT(geo.refresh(kStart + kDay), IsEmpty()) << "nothing changed";
  write("next", mmdb_of("DE", kStart + kDay), kStart + kDay);
  fs::rename(path("next"), path("country.mmdb"));
  EXPECT_EQ(geo.country(ip("1.2.3.4")).code, "CN") << "until the next look";
  const auto notices = geo.refresh(kStart + 2 * kDay);
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_THAT(notices[0].text, HasSubstr("of 2026-09-22"));
  EXPECT_EQ(geo.country(ip("1.2.3.4")).code, "DE");
  EXPECT_EQ(geo.country(ip("1.2.3.4")).origin->built, kStart + kDay);
  write("country.mmdb", small_dat(GEOIP_COUNTRY_EDITION), kStart + 2 * kDay);
  EXPECT_EQ(geo.refresh(kStart + 3 * kDay).size(), 1U) << "also one of the other form";
  EXPECT_EQ(geo.country(ip("1.2.3.4")).code, "CN");
}

TEST_F(GeoDatabasesTest, a_file_that_was_changed_this_second_is_left_to_its_writer) {
  write("country.mmdb", mmdb_of("CN"), kStart);
  auto geo = of({"country.mmdb"});
  EXPECT_EQ(geo.refresh(kStart).size(), 1U) << "there is no other yet";
  write("country.mmdb", mmdb_of("DE").substr(0, 100), kStart + kDay);
  EXPECT_THAT(geo.refresh(kStart + kDay), IsEmpty()) << "half of it is written";
  write("country.mmdb", mmdb_of("DE"), kStart + kDay + std::chrono::seconds(1));
  EXPECT_THAT(geo.refresh(kStart + kDay + std::chrono::seconds(1)), IsEmpty());
  EXPECT_EQ(geo.refresh(kStart + kDay + std::chrono::seconds(3)).size(), 1U);
  EXPECT_EQ(geo.country(ip("1.2.3.4")).code, "DE");
  write("country.mmdb", mmdb_of("JP"), kStart + 400 * kDay);
  EXPECT_EQ(geo.refresh(kStart + 2 * kDay).size(), 1U) << "of a clock that was wrong";
  EXPECT_EQ(geo.country(ip("1.2.3.4")).code, "JP");
}

TEST_F(GeoDatabasesTest, a_bad_file_leaves_the_old_one_in_use_and_is_told_once) {
  write("country.mmdb", mmdb_of("CN"));
  auto geo = of({"country.mmdb"});
  (void)geo.refresh(kStart);
  write("country.mmdb", mmdb_of("DE").substr(0, 300), kStart + kDay);
  const auto notices = geo.refresh(kStart + 2 * kDay);
  EXPECT_THAT(warnings(notices),
              ElementsAre(testing::AllOf(
                  HasSubstr("geoip2db: reading " + path("country.mmdb") + " as GeoIP database"),
                  HasSubstr("put a whole copy in its place"),
                  HasSubstr("what was read before stays in use: mmdb Test-Country of 2026-09-21"))));
  EXPECT_EQ(geo.country(ip("1.2.3.4")).code, "CN");
  EXPECT_THAT(geo.refresh(kStart + 3 * kDay), IsEmpty());
  write("country.mmdb", mmdb_of("DE").substr(0, 200), kStart + 3 * kDay);
  EXPECT_THAT(geo.refresh(kStart + 4 * kDay), IsEmpty()) << "just as bad";
  const auto status = geo.status();
  ASSERT_EQ(status.size(), 1U);
  EXPECT_EQ(status[0].in_use->built, kStart);
  EXPECT_THAT(status[0].problem, HasSubstr("country.mmdb"));
  write("country.mmdb", mmdb_of("DE"), kStart + 4 * kDay);
  EXPECT_EQ(geo.refresh(kStart + 5 * kDay).size(), 1U) << "whole again";
  EXPECT_EQ(geo.country(ip("1.2.3.4")).code, "DE");
  EXPECT_EQ(geo.status()[0].problem, "");
  write("country.mmdb", "x", kStart + 5 * kDay);
  EXPECT_EQ(warnings(geo.refresh(kStart + 6 * kDay)).size(), 1U) << "bad again";
}

TEST_F(GeoDatabasesTest, a_missing_file_is_told_once_and_used_when_it_comes) {
  auto geo = of({"GeoIP.dat"});
  EXPECT_THAT(
      warnings(geo.refresh(kStart)),
      ElementsAre(testing::AllOf(HasSubstr("geoip2db: reading " + path("GeoIP.dat") + ": No such file"),
                                 HasSubstr("are ZZ"))));
  EXPECT_THAT(geo.refresh(kStart + kDay), IsEmpty());
  EXPECT_EQ(geo.country(ip("1.2.3.4")).code, "ZZ");
  write("GeoIP.dat", small_dat(GEOIP_COUNTRY_EDITION));
  EXPECT_THAT(warnings(geo.refresh(kStart + kDay)), IsEmpty());
  EXPECT_EQ(geo.country(ip("1.2.3.4")).code, "CN");
  fs::remove(path("GeoIP.dat"));
  EXPECT_THAT(warnings(geo.refresh(kStart + kDay)), ElementsAre(HasSubstr("stays in use")));
  EXPECT_THAT(geo.refresh(kStart + kDay), IsEmpty());
  EXPECT_EQ(geo.country(ip("1.2.3.4")).code, "CN");
}

TEST_F(GeoDatabasesTest, old_data_are_told_once) {
  write("country.mmdb", mmdb_of("CN"));
  auto geo = of({"country.mmdb"});
  EXPECT_THAT(warnings(geo.refresh(kStart + 180 * kDay)), IsEmpty());
  EXPECT_THAT(warnings(geo.refresh(kStart + 181 * kDay)),
              ElementsAre(HasSubstr("its data are 181 days old")));
  EXPECT_THAT(warnings(geo.refresh(kStart + 182 * kDay)), IsEmpty());
  write("country.mmdb", mmdb_of("DE", kStart + kDay), kStart + 181 * kDay);
  EXPECT_THAT(warnings(geo.refresh(kStart + 190 * kDay)), ElementsAre(HasSubstr("its data are 189 days old")))
      << "another file";
}

TEST_F(GeoDatabasesTest, data_without_a_date_are_as_old_as_their_file) {
  CountryDatForTests writer;
  writer.add("1.2.0.0/16", "CN");
  write("GeoIP.dat", writer.file(1, ""), kStart);
  auto geo = of({"GeoIP.dat"});
  EXPECT_THAT(warnings(geo.refresh(kStart + 180 * kDay)), IsEmpty());
  EXPECT_THAT(warnings(geo.refresh(kStart + 200 * kDay)), ElementsAre(HasSubstr("200 days old")));
  EXPECT_FALSE(geo.country(ip("1.2.3.4")).origin->built);
}

TEST_F(GeoDatabasesTest, a_file_that_tells_neither_is_warned_about) {
  MmdbForTests writer({.type = "Test-Domain"});
  writer.add("1.2.0.0/16", mmdb_map({{"domain", mmdb_text("hub.example")}}));
  write("domain.mmdb", writer.file());
  auto geo = of({"domain.mmdb"});
  EXPECT_THAT(warnings(geo.refresh(kStart)),
              ElementsAre(HasSubstr("neither countries nor autonomous systems")));
  EXPECT_FALSE(geo.country(ip("1.2.3.4")).origin);
}

TEST_F(GeoDatabasesTest, there_is_a_most_of_files) {
  write("country.mmdb", mmdb_of("CN"));
  auto geo = of(std::vector<std::string>(GeoDatabases::kMaxSources + 2, "country.mmdb"));
  EXPECT_THAT(warnings(geo.refresh(kStart)), ElementsAre(HasSubstr("2 GeoIP databases are not used")));
  EXPECT_THAT(geo.refresh(kStart), IsEmpty());
  EXPECT_EQ(geo.status().size(), GeoDatabases::kMaxSources);
}

TEST_F(GeoDatabasesTest, readers_see_a_whole_file_while_it_is_swapped) {
  const auto china = mmdb_of("CN"), germany = mmdb_of("DE", kStart + kDay);
  write("country.mmdb", china);
  auto geo = of({"country.mmdb"});
  (void)geo.refresh(kStart);
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const auto country = geo.country(ip("1.2.3.4"));
        const auto built = country.code == "CN" ? kStart : kStart + kDay;
        if ((country.code != "CN" && country.code != "DE") || !country.origin ||
            country.origin->built != built)
          ++wrong;
      }
    });
  }
  for (int i = 1; i <= 50; ++i) {
    const auto at = kStart + i * kDay;
    write("country.mmdb", i % 2 == 0 ? china : germany, at);
    EXPECT_EQ(geo.refresh(at + std::chrono::hours(1)).size(), 1U) << i;
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace hikyaku::io
