#include "io/geo_database.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "base/utf8.h"
#include "io/geo_record.h"
#include "io/stable_file.h"

namespace hikyaku::io {
namespace {

using table::Ip;
using About = GeoDatabase::About;

constexpr std::size_t kMaxRecordValues = 10'000;  // looked at in one record
constexpr std::size_t kValuesPerOctet = 16;       // and in all of a file, when it is checked

/// Clients of a socket that takes both families come as "::ffff:192.0.2.1".
Ip unmapped(const Ip& ip) {
  constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  const auto& octets = ip.octets();
  if (ip.family() == Ip::Family::v4 || !std::equal(kMapped.begin(), kMapped.end(), octets.begin())) return ip;
  return Ip::v4({octets[12], octets[13], octets[14], octets[15]});
}

std::string upper(std::string_view code) {
  std::string text(code);
  for (auto& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

/// At most `limit` octets, and no character cut through.
std::string shortened(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return std::string(text);
  std::size_t size = 0;
  while (size < text.size()) {
    const auto character = std::max<std::size_t>(1, utf8_length(text.substr(size)));
    if (size + character > limit) break;
    size += character;
  }
  return std::string(text.substr(0, size));
}

std::optional<GeoRecord> record_of(const MmdbFile& file, const Ip& ip) {
  const auto offset = file.find(ip);
  if (!offset) return std::nullopt;
  MmdbData::Budget budget{kMaxRecordValues};
  return GeoRecord::read(file.data(), *offset, budget);
}

/// Looks at all that lookups can come to, and notes what it tells.
Result<void> check(const MmdbFile& file, About& about) {
  const auto offsets = file.check_tree();
  if (!offsets) return std::unexpected(offsets.error());
  std::size_t left = file.data().size() * kValuesPerOctet + kMaxRecordValues;
  for (const auto offset : *offsets) {
    const auto allowed = std::min(left, kMaxRecordValues);
    MmdbData::Budget budget{allowed};
    const auto record = GeoRecord::read(file.data(), offset, budget);
    left -= allowed - budget.left;
    if (record.damaged) {
      return fail(Fault::corrupt,
                  "the record at octet " + std::to_string(offset) + " of its data can't be read");
    }
    about.countries |= !record.country.empty();
    about.autonomous_systems |= record.number != 0;
  }
  return {};
}

Result<MmdbFile> read_mmdb(std::string_view octets, About& about) {
  auto file = MmdbFile::read(octets);
  if (!file) return file;
  const auto& metadata = file->metadata();
  about.form = About::Form::mmdb;
  about.type = metadata.type;
  about.description = metadata.description;
  about.built = metadata.built;
  about.nodes = metadata.nodes;
  about.ipv4 = true;
  about.ipv6 = metadata.ip_version == 6;
  if (auto checked = check(*file, about); !checked) return std::unexpected(checked.error());
  return file;
}

Result<CountryDat> read_dat(std::string_view octets, About& about) {
  auto file = CountryDat::read(octets);
  if (!file) return file;
  about.form = About::Form::dat;
  about.type = file->edition();
  about.description = file->description();
  about.built = file->built();
  about.nodes = file->nodes();
  about.ipv4 = file->family() == Ip::Family::v4;
  about.ipv6 = !about.ipv4;
  about.countries = true;
  return file;
}

/// Says which file it was and what to do.
std::unexpected<Error> unusable(Error error, const std::string& path, std::string_view form) {
  return fail(error.fault,
              "reading " + path + " as GeoIP database (" + std::string(form) + "): " + error.text +
                  (error.fault == Fault::corrupt ? "; put a whole copy in its place"
                                                 : "; name a country database in mmdb or .dat form"));
}

}  // namespace

Result<GeoDatabase> GeoDatabase::open(const std::string& path) {
  // Looked at first, so that a path to something endless does not fill the memory.
  std::error_code none;
  if (std::filesystem::exists(path, none) && !std::filesystem::is_regular_file(path, none)) {
    return fail(Fault::permanent,
                "reading " + path + ": a GeoIP database is a regular file, and this is none");
  }
  if (const auto stamp = stamp_of(path); stamp.size > kMaxOctets) {
    return fail(Fault::permanent, "reading " + path +
                                      ": a GeoIP database has at most 1 GiB, and this file has " +
                                      std::to_string(stamp.size) + " octets");
  }
  auto file = read_stable_file(path);
  if (!file) return std::unexpected(file.error());
  return read(std::move(file->text), path);
}

Result<GeoDatabase> GeoDatabase::read(std::string octets, std::string path) {
  About about{.path = std::move(path)};
  about.octets = octets.size();
  if (octets.empty())
    return fail(Fault::corrupt,
                "reading " + about.path + " as GeoIP database: it is empty; put a whole copy in its place");
  auto kept = std::make_unique<const std::string>(std::move(octets));
  if (MmdbFile::is_one(*kept)) {
    auto mmdb = read_mmdb(*kept, about);
    if (!mmdb) return unusable(mmdb.error(), about.path, "mmdb");
    return GeoDatabase(std::move(kept), std::move(*mmdb), std::move(about));
  }
  auto dat = read_dat(*kept, about);
  if (!dat) return unusable(dat.error(), about.path, ".dat, for it has no mark of an mmdb file");
  return GeoDatabase(std::move(kept), std::move(*dat), std::move(about));
}

std::string GeoDatabase::country(const Ip& ip) const {
  const auto address = unmapped(ip);
  std::string_view code;
  if (const auto* const mmdb = std::get_if<MmdbFile>(&reader_)) {
    if (const auto record = record_of(*mmdb, address)) code = record->country;
  } else {
    code = std::get<CountryDat>(reader_).country(address);
  }
  return code.empty() ? std::string(kUnknownCountry) : upper(code);
}

std::optional<GeoDatabase::AutonomousSystem> GeoDatabase::autonomous_system(const Ip& ip) const {
  const auto* const mmdb = std::get_if<MmdbFile>(&reader_);
  const auto record = mmdb == nullptr ? std::nullopt : record_of(*mmdb, unmapped(ip));
  if (!record || record->number == 0) return std::nullopt;
  return AutonomousSystem{record->number, shortened(record->organization, kMaxOrganization)};
}

bool GeoDatabase::covers(const Ip& ip) const {
  return about_.countries && (unmapped(ip).family() == Ip::Family::v4 ? about_.ipv4 : about_.ipv6);
}

std::string text(const About& about) {
  std::string line = about.form == About::Form::mmdb ? "mmdb " : ".dat ";
  line += about.type.empty() ? "without a type" : about.type;
  line += about.built ? " of " + iso_text(*about.built).substr(0, 10) : " without a date";
  line += about.countries && about.autonomous_systems ? ", countries and autonomous systems"
          : about.countries                           ? ", countries"
          : about.autonomous_systems                  ? ", autonomous systems"
                                                      : ", neither countries nor autonomous systems";
  line += about.ipv4 && about.ipv6 ? " of IPv4 and IPv6 addresses"
          : about.ipv4             ? " of IPv4 addresses"
                                   : " of IPv6 addresses";
  const auto tenths = (about.octets + 50'000) / 100'000;
  return line + ", " + std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " MB";
}

}  // namespace hikyaku::io
