#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "base/time.h"
#include "io/country_dat.h"
#include "io/mmdb_file.h"
#include "table/ip.h"

namespace hikyaku::io {

/// One file that tells in which country an address is, or which autonomous system announces it: an mmdb file
/// of any publisher, or a country edition of the old .dat form. Which of them it is, is told by its content,
/// whatever its name. It is read into memory once, and stays as it was read whatever becomes of the file
/// (docs/adr/0013-geoip-databases.md tells why it is not mapped). Lookups are thread-safe and do not block.
class GeoDatabase {
 public:
  /// ISO 3166-1 leaves this code to its users: here it says that a country is not known.
  static constexpr std::string_view kUnknownCountry = "ZZ";
  static constexpr std::uint64_t kMaxOctets = std::uint64_t{1} << 30;
  static constexpr std::size_t kMaxOrganization = 200;  ///< octets that are kept of a name

  struct AutonomousSystem {
    std::uint32_t number = 0;
    std::string organization;  ///< may be empty; UTF-8 if the file is right
    bool operator==(const AutonomousSystem&) const = default;
  };
  /// What there is to tell of it.
  struct About {
    std::string path;
    enum class Form : unsigned char { mmdb, dat } form = Form::mmdb;
    std::string type;         ///< "GeoLite2-Country", "GeoIP Country Edition"
    std::string description;  ///< may be empty
    std::optional<Time> built;
    std::uint64_t octets = 0;
    std::uint32_t nodes = 0;
    bool ipv4 = false, ipv6 = false;                     ///< what addresses it tells of
    bool countries = false, autonomous_systems = false;  ///< what it tells
  };

  /// Reads the file, and checks all that lookups will use. Blocking: about 50 ms for a file of 8 MB. Fails
  /// with Fault::not_found, Fault::temporary (it keeps changing), Fault::permanent (too large, not to be
  /// read, or of a kind that is not known), Fault::corrupt.
  static Result<GeoDatabase> open(const std::string& path);
  /// The same of octets that are in memory already. Pure.
  static Result<GeoDatabase> read(std::string octets, std::string path);

  /// Two characters in upper case, kUnknownCountry when the file does not tell. Of an .dat file they may be
  /// no country of ISO 3166 (CountryDat::country()). An IPv4-mapped address is the IPv4 address.
  std::string country(const table::Ip& ip) const;
  /// nullopt: the file does not tell.
  std::optional<AutonomousSystem> autonomous_system(const table::Ip& ip) const;
  /// Whether the file tells of countries of addresses of this family.
  bool covers(const table::Ip& ip) const;
  const About& about() const { return about_; }

 private:
  using Reader = std::variant<MmdbFile, CountryDat>;
  GeoDatabase(std::unique_ptr<const std::string> octets, Reader reader, About about)
      : octets_(std::move(octets)), reader_(std::move(reader)), about_(std::move(about)) {}

  std::unique_ptr<const std::string> octets_;  // the reader views them
  Reader reader_;
  About about_;
};

/// "mmdb GeoLite2-Country of 2026-06-17, countries of IPv4 and IPv6 addresses, 7.8 MB": for the log and the
/// status.
std::string text(const GeoDatabase::About& about);

}  // namespace hikyaku::io
