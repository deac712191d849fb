#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "table/ip.h"

namespace hikyaku::io {

/// The old form of country databases (".dat", GeoIP Legacy): a binary tree of 3-octet records, whose leaves
/// are numbers of countries in the list that libGeoIP has; each file is for one family of addresses. Reads it
/// from memory, every access within bounds whatever the octets are. Pure. Views the octets, which must
/// outlive it. Lookups are thread-safe.
class CountryDat {
 public:
  /// Looks at the whole tree. Fails with Fault::corrupt, or with Fault::permanent for an edition that is not
  /// of countries; the text says what is wrong, not in which file.
  static Result<CountryDat> read(std::string_view octets);

  /// The family of addresses that it knows.
  table::Ip::Family family() const { return family_; }
  /// "GeoIP Country Edition"
  const std::string& edition() const { return edition_; }
  /// What the file says of itself: "GEO-106FREE 20191224 Build"; may be empty.
  const std::string& description() const { return description_; }
  /// The day in the description.
  std::optional<Time> built() const { return built_; }
  std::uint32_t nodes() const { return nodes_; }
  /// Two characters of libGeoIP's list, which has more than ISO 3166: "AP", "EU", "A1" (a proxy), "A2" (a
  /// satellite). Empty: not known, or not of the family.
  std::string_view country(const table::Ip& ip) const;

 private:
  CountryDat() = default;
  Result<void> check();
  std::optional<std::uint32_t> record(std::uint32_t node, bool right) const;

  std::string_view tree_;
  table::Ip::Family family_ = table::Ip::Family::v4;
  std::uint32_t leaves_from_ = 0;  // records from here on are countries, those below are nodes
  std::string edition_;
  std::string description_;
  std::optional<Time> built_;
  std::uint32_t nodes_ = 0;
};

}  // namespace hikyaku::io
