#include "io/geo_record.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace hikyaku::io {
namespace {

using Type = MmdbData::Type;

constexpr std::array<std::string_view, 3> kNumbers{"autonomous_system_number", "asn", "as_number"};
constexpr std::array<std::string_view, 7> kOrganizations{
    "autonomous_system_organization", "as_organization", "as_org", "as_name", "organization", "org", "name"};

bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

/// A code or nothing: "-" and "Germany" are none, "A1" is one.
std::string_view country_code(const MmdbData::Value& value) {
  const auto text = value.text;
  const bool code = value.type == Type::text && text.size() == 2 && is_letter(text[0]) &&
                    (is_letter(text[1]) || (text[1] >= '0' && text[1] <= '9'));
  return code ? text : std::string_view();
}

/// A number, or "AS64496", or "64496"; else 0.
std::uint32_t system_number(const MmdbData::Value& value) {
  if (value.type == Type::text) {
    auto digits = value.text;
    if (digits.starts_with("AS") || digits.starts_with("as")) digits.remove_prefix(2);
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return error == std::errc() && end == digits.data() + digits.size() ? number : 0;
  }
  const bool is_number = value.type == Type::unsigned16 || value.type == Type::unsigned32 ||
                         value.type == Type::unsigned64 || value.type == Type::signed32;
  return is_number && value.number <= UINT32_MAX ? static_cast<std::uint32_t>(value.number) : 0;
}

/// Keeps what came under the name that is nearest to the front of a list.
template <std::size_t N>
class FirstOf {
 public:
  explicit FirstOf(const std::array<std::string_view, N>& names) : names_(names) {}
  /// Whether what `name` has is to be kept from now on.
  bool takes(std::string_view name) {
    const auto place = static_cast<std::size_t>(std::ranges::find(names_, name) - names_.begin());
    if (place >= best_) return false;
    best_ = place;
    return true;
  }

 private:
  const std::array<std::string_view, N>& names_;
  std::size_t best_ = N;
};

}  // namespace

GeoRecord GeoRecord::read(const MmdbData& data, std::size_t offset, MmdbData::Budget& budget) {
  GeoRecord record;
  const auto map = data.resolved(offset);
  if (!map) {
    record.damaged = true;
    return record;
  }
  FirstOf numbers(kNumbers);
  FirstOf organizations(kOrganizations);
  std::string_view nested, flat, plain;
  MmdbData::Entries entries(data, *map, budget);
  while (const auto entry = entries.next()) {
    const auto& [key, value] = *entry;
    if (key == "country" && value.type == Type::map) {
      if (const auto code = data.find(value, "iso_code", budget)) nested = country_code(*code);
    } else if (key == "country") {
      plain = country_code(value);
    } else if (key == "country_code") {
      flat = country_code(value);
    } else if (numbers.takes(key)) {
      record.number = system_number(value);
    } else if (value.type == Type::text && organizations.takes(key)) {
      record.organization = value.text;
    }
  }
  record.country = !nested.empty() ? nested : !flat.empty() ? flat : plain;
  record.damaged = entries.damaged();
  return record;
}

}  // namespace hikyaku::io
