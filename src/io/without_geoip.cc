// Instead of country_dat.cc, in a build without libGeoIP (HIKYAKU_GEOIP=OFF).
#include "io/country_dat.h"

namespace hikyaku::io {

Result<CountryDat> CountryDat::read(std::string_view) {
  return fail(
      Fault::permanent,
      "it has the old .dat form, and this hikyaku was built without libGeoIP: take an .mmdb file, or a "
      "build without the profile nogeoip");
}

Result<void> CountryDat::check() { return {}; }

std::optional<std::uint32_t> CountryDat::record(std::uint32_t, bool) const { return std::nullopt; }

std::string_view CountryDat::country(const table::Ip&) const { return {}; }

}  // namespace hikyaku::io
