#include "io/country_dat.h"

#include <GeoIP.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <vector>

#include "base/escape.h"

namespace hikyaku::io {
namespace {

constexpr std::size_t kRecord = 3;  // octets, the lowest first
constexpr std::size_t kNode = 2 * kRecord;
constexpr std::size_t kStructureLimit = 20;          // its mark begins so near the end
constexpr std::size_t kDescriptionLimit = 100;       // octets
constexpr std::uint32_t kCountries = 0xffff00;       // the first leaf of a country edition
constexpr std::uint32_t kLargeCountries = 0xfc0000;  // of a large one
constexpr int kOldEditions = 105;                    // what early files add to the number of an edition

using table::Ip;

/// "20191224" in the description, as a day.
std::optional<Time> day_in(std::string_view text) {
  for (std::size_t at = 0; at + 8 <= text.size(); ++at) {
    unsigned digits = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + 8, digits);
    if (error != std::errc() || end != text.data() + at + 8) continue;
    const std::chrono::year_month_day day{std::chrono::year(static_cast<int>(digits / 10000)),
                                          std::chrono::month(digits / 100 % 100),
                                          std::chrono::day(digits % 100)};
    if (day.ok() && digits / 10000 >= 1990) return Time(std::chrono::sys_days(day));
  }
  return std::nullopt;
}

std::string name_of(int edition) {
  const bool known = edition >= 0 && edition < NUM_DB_TYPES && GeoIPDBDescription[edition] != nullptr;
  return known ? GeoIPDBDescription[edition] : "edition " + std::to_string(edition);
}

}  // namespace

Result<CountryDat> CountryDat::read(std::string_view octets) {
  const std::size_t tail = octets.size() > kStructureLimit ? octets.size() - kStructureLimit : 0;
  const auto mark = octets.substr(tail).rfind("\xff\xff\xff");
  if (mark == std::string_view::npos || tail + mark + kRecord >= octets.size()) {
    return fail(Fault::corrupt, "its end, which tells the edition, is missing");
  }
  int edition = static_cast<unsigned char>(octets[tail + mark + kRecord]);
  if (edition > kOldEditions) edition -= kOldEditions;
  const bool large = edition == GEOIP_LARGE_COUNTRY_EDITION || edition == GEOIP_LARGE_COUNTRY_EDITION_V6;
  const bool v6 = edition == GEOIP_COUNTRY_EDITION_V6 || edition == GEOIP_LARGE_COUNTRY_EDITION_V6;
  if (!large && !v6 && edition != GEOIP_COUNTRY_EDITION) {
    return fail(Fault::permanent,
                "it is of \"" + name_of(edition) + "\", and of .dat files only country editions are read");
  }
  CountryDat dat;
  dat.family_ = v6 ? Ip::Family::v6 : Ip::Family::v4;
  dat.leaves_from_ = large ? kLargeCountries : kCountries;
  dat.edition_ = name_of(edition);
  dat.tree_ = octets.substr(0, tail + mark);
  const auto told = dat.tree_.size() > kDescriptionLimit ? dat.tree_.size() - kDescriptionLimit : 0;
  const auto zeroes = dat.tree_.substr(told).rfind(std::string_view("\0\0\0", 3));
  if (zeroes != std::string_view::npos) {
    dat.description_ = escaped(dat.tree_.substr(told + zeroes + kRecord));
    dat.built_ = day_in(dat.description_);
    dat.tree_ = dat.tree_.substr(0, told + zeroes);
  }
  if (auto checked = dat.check(); !checked) return std::unexpected(checked.error());
  return dat;
}

/// nullopt: there is no such node.
std::optional<std::uint32_t> CountryDat::record(std::uint32_t node, bool right) const {
  const std::size_t at = std::size_t{node} * kNode + (right ? kRecord : 0);
  if (at + kRecord > tree_.size()) return std::nullopt;
  const auto* const octets = reinterpret_cast<const unsigned char*>(tree_.data()) + at;
  return std::uint32_t{octets[2]} << 16 | std::uint32_t{octets[1]} << 8 | octets[0];
}

/// Goes to each node that can be reached: how many there are is told nowhere. The deepest way is as long as
/// the number of nodes, which bounds the list of those that wait.
Result<void> CountryDat::check() {
  std::vector<bool> seen(tree_.size() / kNode + 1);
  std::vector<std::uint32_t> waiting{0};
  seen[0] = true;
  while (!waiting.empty()) {
    const auto node = waiting.back();
    waiting.pop_back();
    ++nodes_;
    for (const bool right : {false, true}) {
      const auto next = record(node, right);
      if (!next) return fail(Fault::corrupt, "its tree leads out of the file");
      if (*next >= leaves_from_) continue;
      if (*next >= seen.size())
        return fail(Fault::corrupt, "node " + std::to_string(node) + " of its tree leads out of the file");
      if (!seen[*next]) waiting.push_back(*next);
      seen[*next] = true;
    }
  }
  return {};
}

std::string_view CountryDat::country(const Ip& ip) const {
  if (ip.family() != family_) return {};
  std::uint32_t at = 0;
  for (unsigned bit = 0; bit < ip.bits() && at < leaves_from_; ++bit) {
    const auto next = record(at, (ip.octets()[bit / 8] >> (7 - bit % 8) & 1) != 0);
    if (!next) return {};
    at = *next;
  }
  if (at <= leaves_from_) return {};  // the first of the list is "--"
  const char* const code = GeoIP_code_by_id(static_cast<int>(at - leaves_from_));
  return code == nullptr ? std::string_view() : std::string_view(code);
}

}  // namespace hikyaku::io
