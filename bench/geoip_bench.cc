// Where a client is: lookups of addresses in a country database. Input: the file that tools/fetch_geoip.sh
// fetched (1,306,595 nodes, 7.8 MB) and Debian's /usr/share/GeoIP/GeoIP.dat, as far as they are here, and a
// file of 100,000 networks of 24 bits that is made for this. 65,536 addresses at random, those of IPv6 in
// 2a00::/11; from one thread and from two. `known` is the part of them that is in a network.
// 2026-11-29, 2 cores that others used too: 2.2 to 4.4 million lookups a second and thread in the two files;
// opened and checked in 23 and 8 ms of the processor's time; memory: the size of the file.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "io/geo_database.h"
#include "io/geo_databases.h"
#include "io/mmdb_for_tests.h"

namespace {

using namespace hikyaku;

constexpr auto kFetched =
    "build/geoip/node_modules/@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb";
constexpr auto kDebian = "/usr/share/GeoIP/GeoIP.dat";

std::vector<table::Ip> addresses(bool v6) {
  std::mt19937 random(1);
  const auto octet = [&] { return static_cast<std::uint8_t>(random() & 255U); };
  std::vector<table::Ip> list;
  for (int i = 0; i < 65'536; ++i) {
    if (v6) {
      list.push_back(table::Ip::v6({0x2a, static_cast<std::uint8_t>(octet() % 32), octet(), octet(), octet(),
                                    octet(), octet(), octet()}));
    } else {
      list.push_back(table::Ip::v4({octet(), octet(), octet(), octet()}));
    }
  }
  return list;
}

std::string made_file() {
  io::MmdbForTests writer({});
  std::vector<std::size_t> countries;
  for (const char* const code : {"CN", "DE", "JP", "US"}) {
    countries.push_back(
        writer.put(io::mmdb_map({{"country", io::mmdb_map({{"iso_code", io::mmdb_text(code)}})}})));
  }
  for (int i = 0; i < 100'000; ++i) {
    const auto network =
        std::to_string(i / 65'536) + "." + std::to_string(i / 256 % 256) + "." + std::to_string(i % 256);
    writer.add(network + ".0/24", countries[static_cast<std::size_t>(i) % countries.size()]);
  }
  const auto path = std::filesystem::temp_directory_path() / "hikyaku-geoip-bench.mmdb";
  std::ofstream(path, std::ios::binary) << writer.file();
  return path.string();
}

std::string file_of(const benchmark::State& state) {
  static const std::string made = made_file();
  return state.range(0) == 0 ? kFetched : state.range(0) == 1 ? kDebian : made;
}

/// Name of the argument: 0 fetched, 1 Debian's, 2 made.
void lookup(benchmark::State& state, bool v6) {
  const auto path = file_of(state);
  io::GeoDatabases databases({.sources = {{"bench", path}}});
  (void)databases.refresh(Time());
  if (!databases.status().front().in_use) return state.SkipWithError((path + " is not here").c_str());
  const auto list = addresses(v6);
  std::size_t next = 0, known = 0;
  for (auto _ : state) {
    const auto country = databases.country(list[next++ % list.size()]);
    known += country.code != io::GeoDatabase::kUnknownCountry;
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["known"] =
      benchmark::Counter(static_cast<double>(known), benchmark::Counter::kAvgIterations);
}
void lookup_ipv4(benchmark::State& state) { lookup(state, false); }
void lookup_ipv6(benchmark::State& state) { lookup(state, true); }
BENCHMARK(lookup_ipv4)->Arg(0)->Arg(1)->Arg(2)->ThreadRange(1, 2);
BENCHMARK(lookup_ipv6)->Arg(0)->ThreadRange(1, 2);

/// To read a file and check it, and what memory it then has.
void open_and_check(benchmark::State& state) {
  const auto path = file_of(state);
  const auto before = mallinfo2();
  auto kept = io::GeoDatabase::open(path);
  if (!kept) return state.SkipWithError(kept.error().text.c_str());
  const auto after = mallinfo2();
  for (auto _ : state) benchmark::DoNotOptimize(io::GeoDatabase::open(path));
  state.counters["memory"] =
      static_cast<double>((after.uordblks + after.hblkhd) - (before.uordblks + before.hblkhd));
  state.counters["file"] = static_cast<double>(kept->about().octets);
}
BENCHMARK(open_and_check)->Arg(0)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond);

}  // namespace
