#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "io/mmdb_data.h"

namespace hikyaku::io {

/// What a record of an mmdb file says of a country and of an autonomous system, by the names that publishers
/// give them:
///   country:       country.iso_code (MaxMind, DB-IP), country_code (ip-location-db, IPinfo), country
///   (IPinfo) number:        autonomous_system_number (MaxMind, DB-IP, ip-location-db), asn (IPinfo),
///   as_number; as a
///                  number or as "AS64496"
///   organization:  autonomous_system_organization, as_organization, as_org, as_name, organization, org, name
/// The first of each list that is there counts.
struct GeoRecord {
  std::string_view country;  ///< two characters in the file's case; empty: none, or no such form
  std::uint32_t number = 0;  ///< 0: none
  std::string_view organization;
  bool damaged = false;  ///< what was read before the damage is kept

  /// Pure. Views the octets of `data`.
  static GeoRecord read(const MmdbData& data, std::size_t offset, MmdbData::Budget& budget);
};

}  // namespace hikyaku::io
