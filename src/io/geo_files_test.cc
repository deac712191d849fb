#include <GeoIP.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <maxminddb.h>
#include <unistd.h>

#include <cctype>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "io/geo_database.h"
#include "io/geo_files_for_tests.h"

namespace hikyaku::io {
namespace {

namespace fs = std::filesystem;
using table::Ip;
using testing::HasSubstr;

constexpr auto kDebianV4 = "/usr/share/GeoIP/GeoIP.dat";
constexpr auto kDebianV6 = "/usr/share/GeoIP/GeoIPv6.dat";
constexpr auto kFetched = HIKYAKU_SOURCE_DIR
    "/build/geoip/node_modules/@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb";

class GeoFileTest : public testing::Test {
 protected:
  GeoFileTest() {
    std::string pattern = (fs::temp_directory_path() / "hikyaku-geo-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~GeoFileTest() override { fs::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& octets) const {
    std::ofstream(folder_ / name, std::ios::binary) << octets;
    return (folder_ / name).string();
  }
  fs::path folder_;
};

TEST_F(GeoFileTest, the_content_tells_the_form_and_not_the_name) {
  const auto mmdb = GeoDatabase::open(write("GeoIP.dat", small_mmdb({})));
  ASSERT_TRUE(mmdb) << mmdb.error().text;
  EXPECT_EQ(mmdb->about().form, GeoDatabase::About::Form::mmdb);
  EXPECT_EQ(mmdb->country(ip("1.2.3.4")), "CN");
  const auto dat = GeoDatabase::open(write("country.mmdb", small_dat(1)));
  ASSERT_TRUE(dat) << dat.error().text;
  EXPECT_EQ(dat->about().form, GeoDatabase::About::Form::dat);
  EXPECT_EQ(dat->country(ip("1.2.3.4")), "CN");
}

TEST_F(GeoFileTest, a_file_that_is_no_database_is_told) {
  struct Case {
    std::string path;
    Fault fault;
    const char* text;
  };
  const std::vector<Case> cases{
      {(folder_ / "none.mmdb").string(), Fault::not_found, "none.mmdb"},
      {folder_.string(), Fault::permanent, "regular file"},
      {"/dev/zero", Fault::permanent, "regular file"},
      {write("empty", ""), Fault::corrupt, "empty"},
      {write("text", "1.2.0.0/16 CN\n"), Fault::corrupt, "no mark of an mmdb file"},
      {write("page", "<html>" + std::string(100'000, ' ') + "</html>"), Fault::corrupt,
       "no mark of an mmdb file"},
      {write("white", std::string(100'000, '\xff')), Fault::corrupt, "edition"},
  };
  for (const auto& one : cases) {
    const auto read = GeoDatabase::open(one.path);
    ASSERT_FALSE(read) << one.path;
    EXPECT_EQ(read.error().fault, one.fault) << read.error().text;
    EXPECT_THAT(read.error().text, HasSubstr(one.path));
    EXPECT_THAT(read.error().text, HasSubstr(one.text));
  }
}

TEST_F(GeoFileTest, a_file_that_is_cut_or_overwritten_meanwhile_changes_no_answer) {
  const auto path = write("country.mmdb", small_mmdb({}));
  const auto one = GeoDatabase::open(path);
  ASSERT_TRUE(one);
  fs::resize_file(path, 0);
  EXPECT_EQ(one->country(ip("1.2.3.4")), "CN") << "with a map of the file this would be a SIGBUS";
  write("country.mmdb", std::string(10'000, 'x'));
  EXPECT_EQ(one->country(ip("2001:db8:0:1::2")), "DE");
}

// What the libraries answer -------------------------------------------------------------------------------

/// libmaxminddb's answer to the same question.
std::string country_by_library(const MMDB_s& library, const Ip& address) {
  sockaddr_storage socket{};
  if (address.family() == Ip::Family::v4) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(socket);
    v4.sin_family = AF_INET;
    std::memcpy(&v4.sin_addr, address.octets().data(), 4);
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(socket);
    v6.sin6_family = AF_INET6;
    std::memcpy(&v6.sin6_addr, address.octets().data(), 16);
  }
  int error = 0;
  auto found = MMDB_lookup_sockaddr(&library, reinterpret_cast<const sockaddr*>(&socket), &error);
  if (error != MMDB_SUCCESS || !found.found_entry) return "ZZ";
  const char* const nested_path[] = {"country", "iso_code", nullptr};
  const char* const flat_path[] = {"country_code", nullptr};
  for (const char* const* path :
       {static_cast<const char* const*>(nested_path), static_cast<const char* const*>(flat_path)}) {
    MMDB_entry_data_s value{};
    if (MMDB_aget_value(&found.entry, &value, path) == MMDB_SUCCESS && value.has_data &&
        value.data_size == 2) {
      std::string code(value.utf8_string, 2);
      for (auto& c : code) c = static_cast<char>(std::toupper(c));
      return code;
    }
  }
  return "ZZ";
}

void compare_with_library(const std::string& path, int count) {
  MMDB_s library{};
  ASSERT_EQ(MMDB_open(path.c_str(), MMDB_MODE_MMAP, &library), MMDB_SUCCESS);
  const auto ours = GeoDatabase::open(path);
  ASSERT_TRUE(ours) << ours.error().text;
  int known = 0;
  for (const auto& address : some_addresses(count)) {
    const auto country = ours->country(address);
    ASSERT_EQ(country, country_by_library(library, address)) << address.text();
    known += country != "ZZ";
  }
  EXPECT_GT(known, 0);
  MMDB_close(&library);
}

TEST_F(GeoFileTest, every_tree_is_answered_from_as_by_libmaxminddb) {
  for (const unsigned version : {4U, 6U}) {
    for (const unsigned bits : {24U, 28U, 32U}) {
      compare_with_library(write("file", small_mmdb({.record_bits = bits, .ip_version = version})), 2000);
    }
  }
}

std::string octets_of(const std::string& path) {
  std::ostringstream octets;
  octets << std::ifstream(path, std::ios::binary).rdbuf();
  return octets.str();
}

void damage_some(const std::string& whole) {
  for (std::size_t i = 0; i < 12; ++i) {
    auto flipped = whole;
    for (std::size_t at = whole.size() / 12 * i, end = std::min(at + 64, whole.size()); at < end; ++at) {
      flipped[at] = static_cast<char>(flipped[at] ^ 0x5a);
    }
    answers_or_fails(std::move(flipped));
    EXPECT_FALSE(GeoDatabase::read(whole.substr(0, whole.size() / 12 * i), "x"));
  }
}

TEST(GeoDatabaseTest, debians_files_are_answered_from_as_by_libgeoip) {
  for (const auto& [path, v6] : {std::pair(kDebianV4, false), std::pair(kDebianV6, true)}) {
    if (!fs::exists(path)) GTEST_SKIP() << path << " is not here: it is in Debian's geoip-database";
    GeoIP* const library = GeoIP_open(path, GEOIP_MEMORY_CACHE);
    ASSERT_NE(library, nullptr);
    const auto ours = GeoDatabase::open(path);
    ASSERT_TRUE(ours) << ours.error().text;
    EXPECT_TRUE(ours->about().built);
    int known = 0;
    for (const auto& address : some_addresses(20'000)) {
      if ((address.family() == Ip::Family::v6) != v6) continue;
      GeoIPLookup lookup{};
      const char* code = nullptr;
      if (v6) {
        in6_addr number{};
        std::memcpy(&number, address.octets().data(), 16);
        code = GeoIP_country_code_by_ipnum_v6_gl(library, number, &lookup);
      } else {
        const auto& o = address.octets();
        const auto number = static_cast<unsigned long>(o[0]) << 24 | static_cast<unsigned long>(o[1]) << 16 |
                            static_cast<unsigned long>(o[2]) << 8 | o[3];
        code = GeoIP_country_code_by_ipnum_gl(library, number, &lookup);
      }
      const std::string expected = code == nullptr || std::string_view(code) == "--" ? "ZZ" : code;
      ASSERT_EQ(ours->country(address), expected) << address.text();
      known += expected != "ZZ";
    }
    EXPECT_GT(known, 1000);
    GeoIP_delete(library);
  }
}

TEST(GeoDatabaseTest, debians_files_may_be_damaged) {
  if (!fs::exists(kDebianV4)) GTEST_SKIP() << kDebianV4 << " is not here: it is in Debian's geoip-database";
  damage_some(octets_of(kDebianV4));
}

TEST(GeoDatabaseTest, the_fetched_file_is_answered_from_as_by_libmaxminddb) {
  if (!fs::exists(kFetched)) GTEST_SKIP() << kFetched << " is not here: tools/fetch_geoip.sh fetches it";
  compare_with_library(kFetched, 20'000);
}

TEST(GeoDatabaseTest, the_fetched_file_may_be_damaged) {
  if (!fs::exists(kFetched)) GTEST_SKIP() << kFetched << " is not here: tools/fetch_geoip.sh fetches it";
  damage_some(octets_of(kFetched));
}

}  // namespace
}  // namespace hikyaku::io
