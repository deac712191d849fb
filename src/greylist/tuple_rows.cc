#include "greylist/tuple_rows.h"

#include <algorithm>

namespace hikyaku::greylist {
namespace {

constexpr std::size_t kNumber = 8;

void put_number(std::string& key, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>((value >> shift) & 0xffU);
}

std::uint64_t number(std::string_view octets) {
  std::uint64_t value = 0;
  for (const char c : octets.substr(0, kNumber)) value = value << 8U | static_cast<unsigned char>(c);
  return value;
}

}  // namespace

std::string sequence_key(std::uint64_t sequence) {
  std::string key;
  put_number(key, sequence);
  return key;
}

std::optional<std::uint64_t> parse_sequence_key(std::string_view key) {
  if (key.size() != kNumber) return std::nullopt;
  return number(key);
}

std::string TupleTimeKey::prefix(TupleState state) { return {static_cast<char>(state)}; }

std::string TupleTimeKey::prefix(TupleState state, Seconds time) {
  auto key = prefix(state);
  put_number(key, static_cast<std::uint64_t>(std::max<std::int64_t>(time.time_since_epoch().count(), 0)));
  return key;
}

std::string TupleTimeKey::key() const { return prefix(state, time) + sequence_key(sequence); }

std::optional<TupleTimeKey> TupleTimeKey::parse(std::string_view key) {
  if (key.size() != 1 + 2 * kNumber || key[0] < 1 || key[0] > static_cast<char>(TupleState::record))
    return std::nullopt;
  const auto seconds = static_cast<std::int64_t>(number(key.substr(1)));
  if (seconds < 0) return std::nullopt;
  return TupleTimeKey{static_cast<TupleState>(key[0]), Seconds(std::chrono::seconds(seconds)),
                      number(key.substr(1 + kNumber))};
}

}  // namespace hikyaku::greylist
