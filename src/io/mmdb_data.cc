#include "io/mmdb_data.h"

#include <array>

namespace hikyaku::io {
namespace {

using Type = MmdbData::Type;

std::uint64_t big_endian(std::string_view octets) {
  std::uint64_t number = 0;
  for (const char octet : octets) number = number << 8 | static_cast<unsigned char>(octet);
  return number;
}

/// Takes octets from the front of `rest`. nullopt: there are fewer.
std::optional<std::string_view> take(std::string_view& rest, std::uint64_t count) {
  if (count > rest.size()) return std::nullopt;
  const auto taken = rest.substr(0, static_cast<std::size_t>(count));
  rest.remove_prefix(taken.size());
  return taken;
}

/// The pointer whose control octet was `control`: 11, 19, 27 or 32 bits, the first three of them counted from
/// where the shorter form ends.
std::optional<std::uint64_t> pointer_target(unsigned control, std::string_view& rest) {
  constexpr std::array<std::uint64_t, 4> kFrom{0, 2048, 526336, 0};
  const unsigned octets = (control >> 3 & 3U) + 1;
  const auto tail = take(rest, octets);
  if (!tail) return std::nullopt;
  const std::uint64_t high = octets == 4 ? 0 : std::uint64_t{control & 7U} << (8 * octets);
  return (high | big_endian(*tail)) + kFrom[octets - 1];
}

/// The size in a control octet: itself up to 28, else it says how many octets of it follow.
std::optional<std::uint64_t> payload_size(unsigned control, std::string_view& rest) {
  constexpr std::array<std::uint64_t, 3> kFrom{29, 285, 65821};
  const unsigned small = control & 31U;
  if (small < 29) return small;
  const auto tail = take(rest, small - 28);
  if (!tail) return std::nullopt;
  return big_endian(*tail) + kFrom[small - 29];
}

/// The most octets that a value of this type may have; exactly so many when it is a real number.
std::optional<std::uint64_t> largest_payload(Type type) {
  switch (type) {
    case Type::unsigned16:
      return 2;
    case Type::unsigned32:
    case Type::signed32:
    case Type::short_real:
      return 4;
    case Type::unsigned64:
    case Type::real:
      return 8;
    case Type::unsigned128:
      return 16;
    case Type::text:
    case Type::octets:
      return UINT64_MAX;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<MmdbData::Value> MmdbData::value(std::size_t offset) const {
  if (offset >= octets_.size()) return std::nullopt;
  std::string_view rest = octets_.substr(offset);
  const auto control = static_cast<unsigned char>(rest.front());
  rest.remove_prefix(1);
  const auto where = [&] { return octets_.size() - rest.size(); };
  Value value{.type = static_cast<Type>(control >> 5)};
  if (value.type == Type::pointer) {
    const auto target = pointer_target(control, rest);
    if (!target) return std::nullopt;
    value.number = *target;
    value.next = where();
    return value;
  }
  if (control >> 5 == 0) {  // the type is in the next octet
    const auto extended = take(rest, 1);
    if (!extended) return std::nullopt;
    value.type = static_cast<Type>(big_endian(*extended) + 7);
    if (value.type < Type::signed32) return std::nullopt;  // it came around
  }
  const auto size = payload_size(control, rest);
  if (!size) return std::nullopt;
  if (value.type == Type::map || value.type == Type::array || value.type == Type::boolean) {
    if (value.type == Type::boolean && *size > 1) return std::nullopt;
    value.number = *size;
    value.next = where();
    return value;
  }
  const auto most = largest_payload(value.type);
  const bool real = value.type == Type::real || value.type == Type::short_real;
  if (!most || *size > *most || (real && *size != *most)) return std::nullopt;
  const auto payload = take(rest, *size);
  if (!payload) return std::nullopt;
  if (value.type == Type::text) {
    value.text = *payload;
  } else if (value.type != Type::octets && value.type != Type::unsigned128 && !real) {
    value.number = big_endian(*payload);
  }
  value.next = where();
  return value;
}

std::optional<MmdbData::Value> MmdbData::resolved(std::size_t offset) const {
  const auto first = value(offset);
  if (!first || first->type != Type::pointer) return first;
  if (first->number >= octets_.size()) return std::nullopt;
  const auto second = value(static_cast<std::size_t>(first->number));
  return second && second->type != Type::pointer ? second : std::nullopt;
}

std::optional<std::size_t> MmdbData::skip(std::size_t offset, Budget& budget) const {
  for (std::uint64_t pending = 1; pending > 0; --pending) {
    const auto one = value(offset);
    if (!one || budget.left == 0) return std::nullopt;
    --budget.left;
    if (one->type == Type::map) pending += 2 * one->number;
    if (one->type == Type::array) pending += one->number;
    offset = one->next;
  }
  return offset;
}

std::optional<MmdbData::Value> MmdbData::find(const Value& map, std::string_view key, Budget& budget) const {
  Entries entries(*this, map, budget);
  while (const auto entry = entries.next()) {
    if (entry->key == key) return entry->value;
  }
  return std::nullopt;
}

MmdbData::Entries::Entries(const MmdbData& data, const Value& map, Budget& budget)
    : data_(data), budget_(budget), left_(map.type == Type::map ? map.number : 0), offset_(map.next) {}

std::optional<MmdbData::Entry> MmdbData::Entries::next() {
  if (left_ == 0 || damaged_) return std::nullopt;
  damaged_ = true;  // until all of the entry is seen
  const auto key = data_.resolved(offset_);
  const auto value_at = data_.skip(offset_, budget_);
  if (!key || key->type != Type::text || !value_at) return std::nullopt;
  const auto value = data_.resolved(*value_at);
  const auto after = data_.skip(*value_at, budget_);
  if (!value || !after) return std::nullopt;
  offset_ = *after;
  --left_;
  damaged_ = false;
  return Entry{key->text, *value};
}

}  // namespace hikyaku::io
