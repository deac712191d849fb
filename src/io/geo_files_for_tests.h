#pragma once
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "io/country_dat_for_tests.h"
#include "io/geo_database.h"
#include "io/mmdb_for_tests.h"
#include "table/ip.h"

namespace hikyaku::io {

inline table::Ip ip(std::string_view text) { return table::Ip::parse_unmapped(text).value(); }

inline std::string nested(std::string_view code) {
  return mmdb_map({{"continent", mmdb_map({{"code", mmdb_text("AS")}})},
                   {"country", mmdb_map({{"geoname_id", mmdb_number(1)},
                                         {"iso_code", mmdb_text(code)},
                                         {"names", mmdb_map({{"en", mmdb_text("a country")}})}})},
                   {"registered_country", mmdb_map({{"iso_code", mmdb_text("US")}})}});
}

/// A few networks of both families.
inline std::string small_mmdb(MmdbForTests::Options options) {
  MmdbForTests writer(options);
  const auto china = writer.put(nested("CN"));
  writer.add("1.0.0.0/8", mmdb_map({{"country_code", mmdb_text("AU")}}));
  writer.add("1.2.0.0/16", china);
  writer.add("203.0.113.7/32", nested("jp"));
  if (options.ip_version == 6) {
    writer.add("2001:db8::/32", china);
    writer.add("2001:db8:0:1::/64", nested("DE"));
    writer.add("2001:db8::1/128", mmdb_map({{"asn", mmdb_text("AS64496")}}));
  }
  return writer.file();
}

inline std::string small_dat(int edition) {
  CountryDatForTests writer;
  if (edition == 12 || edition == 18) {
    writer.add("2001:db8::/32", "CN");
    writer.add("2001:db8:0:1::/64", "DE");
  } else {
    writer.add("1.0.0.0/8", "AU");
    writer.add("1.2.0.0/16", "CN");
    writer.add("203.0.113.7/32", "JP");
  }
  return writer.file(edition);
}

/// Addresses of both families, also near the begin of networks, where they are dense.
inline std::vector<table::Ip> some_addresses(int count) {
  std::mt19937 random(7);
  std::vector<table::Ip> addresses;
  const auto octet = [&] { return static_cast<std::uint8_t>(random() & 255U); };
  for (int i = 0; i < count; ++i) {
    addresses.push_back(table::Ip::v4({octet(), octet(), octet(), octet()}));
    std::array<std::uint8_t, 16> v6{0x20, 0x01};
    if (i % 2 == 0) v6 = {octet(), octet()};
    if (i % 3 == 0) v6[0] = static_cast<std::uint8_t>(0x24 + 2 * (octet() % 5));
    for (std::size_t at = 2; at < 8; ++at) v6[at] = octet();
    addresses.push_back(table::Ip::v6(v6));
  }
  for (const auto* one :
       {"1.2.3.4", "1.2.0.0", "1.1.255.255", "203.0.113.7", "2001:db8::1", "2001:db8:0:1::"}) {
    addresses.push_back(ip(one));
  }
  return addresses;
}

/// Whatever the octets are, there is an error or there are answers.
inline void answers_or_fails(std::string octets) {
  const auto read = GeoDatabase::read(std::move(octets), "x");
  if (!read) {
    ASSERT_FALSE(read.error().text.empty());
    return;
  }
  for (const auto* address : {"1.2.3.4", "1.1.1.1", "203.0.113.7", "255.255.255.255", "2001:db8::1",
                              "2001:db8:0:1::2", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
    ASSERT_EQ(read->country(ip(address)).size(), 2U);
    const auto system = read->autonomous_system(ip(address));
    if (system) ASSERT_LE(system->organization.size(), GeoDatabase::kMaxOrganization);
  }
}

}  // namespace hikyaku::io
