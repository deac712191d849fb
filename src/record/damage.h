#pragma once
// For tests only: what every stored form must stand.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "base/crc32c.h"

namespace hikyaku::testing_support {

inline std::string hex(std::string_view octets) {
  std::string out;
  for (const char c : octets) {
    const auto octet = static_cast<unsigned char>(c);
    out += "0123456789abcdef"[octet >> 4];
    out += "0123456789abcdef"[octet & 15];
  }
  return out;
}

inline std::string from_hex(std::string_view text) {
  std::string out;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    out += static_cast<char>(digit(text[i]) << 4 | digit(text[i + 1]));
  return out;
}

/// `stored` with the octets before the checksum changed by `edit`, and the checksum made to match.
template <class Edit>
std::string reframed(std::string stored, Edit edit) {
  stored.resize(stored.size() - 4);
  edit(stored);
  const auto sum = crc32c(stored);
  for (unsigned shift = 0; shift < 32; shift += 8) stored += static_cast<char>(sum >> shift & 0xff);
  return stored;
}

template <class Decode>
void expect_no_damage_passes(const std::string& stored, Decode decode) {
  for (std::size_t size = 0; size < stored.size(); ++size) {
    EXPECT_FALSE(decode(stored.substr(0, size)).has_value()) << "cut to " << size;
  }
  for (std::size_t at = 0; at < stored.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      auto damaged = stored;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      EXPECT_FALSE(decode(damaged).has_value()) << "bit " << bit << " of octet " << at;
    }
  }
  EXPECT_FALSE(decode(stored + '\0').has_value());
}

/// Damage that the checksum does not see, as a faulty writer would make it: never a crash, and what decodes
/// encodes back to something that decodes the same.
template <class Decode, class Encode>
void expect_no_crash_behind_the_checksum(const std::string& stored, Decode decode, Encode encode) {
  for (std::size_t at = 1; at + 4 < stored.size(); ++at) {
    for (const int value : {0, 1, 0x7f, 0x80, 0xff}) {
      const auto edited =
          reframed(stored, [&](std::string& framed) { framed[at] = static_cast<char>(value); });
      const auto got = decode(edited);
      if (got) EXPECT_EQ(decode(encode(*got)).value(), *got);
    }
    const auto cut = reframed(stored, [&](std::string& framed) { framed.resize(at); });
    EXPECT_FALSE(decode(cut).has_value()) << "cut to " << at;
  }
}

}  // namespace hikyaku::testing_support
