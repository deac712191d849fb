#include <cstdlib>

#include "io/geo_database.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace hikyaku;
  const auto read = io::GeoDatabase::read(std::string(reinterpret_cast<const char*>(data), size), "fuzz");
  if (!read) return 0;
  for (const auto* text : {"0.0.0.0", "1.2.3.4", "203.0.113.7", "255.255.255.255", "::", "::ffff:1.2.3.4",
                           "2001:db8::1", "2001:db8:0:1::2", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
    const auto ip = table::Ip::parse_unmapped(text);
    if (!ip || read->country(*ip).size() != 2) std::abort();
    const auto system = read->autonomous_system(*ip);
    if (system && (system->number == 0 || !read->about().autonomous_systems)) std::abort();
    if (read->country(*ip) != io::GeoDatabase::kUnknownCountry && !read->about().countries) std::abort();
  }
  return 0;
}
