#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "io/mmdb_data.h"
#include "io/prefix_tree_for_tests.h"
#include "table/ip.h"

namespace hikyaku::io {

/// A control octet, with the octets of type and size that follow it.
inline std::string mmdb_header(MmdbData::Type type, std::size_t size) {
  const auto number = static_cast<unsigned>(type);
  std::string tail;
  std::size_t small = size;
  const auto append = [&](std::size_t rest, int octets) {
    for (int i = octets - 1; i >= 0; --i) tail += static_cast<char>(rest >> (8 * i));
  };
  if (size >= 65821) {
    small = 31;
    append(size - 65821, 3);
  } else if (size >= 285) {
    small = 30;
    append(size - 285, 2);
  } else if (size >= 29) {
    small = 29;
    append(size - 29, 1);
  }
  const unsigned high = number < 8 ? number : 0;
  std::string header(1, static_cast<char>(high << 5 | small));
  if (high == 0) header += static_cast<char>(number - 7);
  return header + tail;
}

inline std::string mmdb_text(std::string_view text) {
  return mmdb_header(MmdbData::Type::text, text.size()) + std::string(text);
}

/// In as few octets as it needs.
inline std::string mmdb_number(std::uint64_t number, MmdbData::Type type = MmdbData::Type::unsigned32) {
  std::string octets;
  for (; number > 0; number >>= 8) octets.insert(octets.begin(), static_cast<char>(number));
  return mmdb_header(type, octets.size()) + octets;
}

/// Keys are plain; values are written ones.
inline std::string mmdb_map(std::initializer_list<std::pair<std::string_view, std::string>> entries) {
  std::string map = mmdb_header(MmdbData::Type::map, entries.size());
  for (const auto& [key, value] : entries) map += mmdb_text(key) + value;
  return map;
}

inline std::string mmdb_array(std::initializer_list<std::string> values) {
  std::string array = mmdb_header(MmdbData::Type::array, values.size());
  for (const auto& value : values) array += value;
  return array;
}

/// In the shortest form, or in the one of `octets` octets after the control octet.
inline std::string mmdb_pointer(std::uint64_t target, unsigned octets = 0) {
  if (octets == 0) octets = target < 2048 ? 1 : target < 526336 ? 2 : target < 134744064 ? 3 : 4;
  const std::uint64_t from = octets == 2 ? 2048 : octets == 3 ? 526336 : 0;
  const std::uint64_t rest = target - from;
  const unsigned high = octets == 4 ? 0 : static_cast<unsigned>(rest >> (8 * octets));
  std::string pointer(1, static_cast<char>(1U << 5 | (octets - 1) << 3 | high));
  for (unsigned i = octets; i > 0; --i) pointer += static_cast<char>(rest >> (8 * (i - 1)));
  return pointer;
}

/// Writes small mmdb files, so that tests do not depend on data that change.
class MmdbForTests {
 public:
  struct Options {
    unsigned record_bits = 24;
    unsigned ip_version = 6;
    std::uint64_t built = 1'790'000'000;  // 2026-09-21
    std::string type = "Test-Country";
  };

  explicit MmdbForTests(Options options) : options_(std::move(options)) {}

  /// Adds a value to the data, and returns where it begins.
  std::size_t put(const std::string& value) {
    data_ += value;
    return data_.size() - value.size();
  }
  /// The network has the value that begins at `offset`. Shorter prefixes first. An IPv4 network of a tree of
  /// IPv6 is put under ::/96.
  void add(std::string_view network, std::size_t offset) {
    const auto parsed = table::Network::parse(network).value();
    auto octets = parsed.base().octets();
    unsigned bits = parsed.prefix();
    if (options_.ip_version == 6 && parsed.base().family() == table::Ip::Family::v4) {
      std::array<std::uint8_t, 16> under{};
      std::copy_n(octets.begin(), 4, under.begin() + 12);
      octets = under;
      bits += 96;
    }
    tree_.add(octets, bits, offset);
  }
  void add(std::string_view network, const std::string& value) { add(network, put(value)); }

  std::string file() const {
    std::string octets;
    for (const auto& node : tree_.nodes()) append(octets, number_of(node[0]), number_of(node[1]));
    octets.append(16, '\0');
    return octets + data_ + "\xab\xcd\xefMaxMind.com" + metadata();
  }

 private:
  std::uint64_t number_of(const PrefixTreeForTests::Record& record) const {
    using Kind = PrefixTreeForTests::Record::Kind;
    const std::uint64_t nodes = tree_.nodes().size();
    return record.kind == Kind::node   ? record.value
           : record.kind == Kind::leaf ? nodes + 16 + record.value
                                       : nodes;
  }
  void append(std::string& octets, std::uint64_t left, std::uint64_t right) const {
    const auto lower = [&](std::uint64_t number, unsigned count) {
      for (unsigned i = count; i > 0; --i) octets += static_cast<char>(number >> (8 * (i - 1)));
    };
    const unsigned whole = options_.record_bits / 8;
    lower(left, whole);
    if (options_.record_bits == 28) octets += static_cast<char>((left >> 24) << 4 | right >> 24);
    lower(right, whole);
  }
  std::string metadata() const {
    using Type = MmdbData::Type;
    return mmdb_map({{"binary_format_major_version", mmdb_number(2, Type::unsigned16)},
                     {"binary_format_minor_version", mmdb_number(0, Type::unsigned16)},
                     {"build_epoch", mmdb_number(options_.built, Type::unsigned64)},
                     {"database_type", mmdb_text(options_.type)},
                     {"description", mmdb_map({{"en", mmdb_text("networks for tests")}})},
                     {"ip_version", mmdb_number(options_.ip_version, Type::unsigned16)},
                     {"languages", mmdb_array({mmdb_text("en")})},
                     {"node_count", mmdb_number(tree_.nodes().size())},
                     {"record_size", mmdb_number(options_.record_bits, Type::unsigned16)}});
  }

  Options options_;
  PrefixTreeForTests tree_;
  std::string data_;
};

}  // namespace hikyaku::io
