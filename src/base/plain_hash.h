#pragma once
#include <cstddef>
#include <cstdint>

#include "base/keyed_hash.h"

namespace hikyaku::testing_support {

/// A KeyedHash for tests: all octets of it depend on all of key and text, and on nothing else. Proof against
/// nobody.
class PlainHash final : public KeyedHash {
 public:
  std::string hmac_sha1(std::string_view key, std::string_view text) const override {
    return hash(20, key, text);
  }
  std::string hmac_sha256(std::string_view key, std::string_view text) const override {
    return hash(32, key, text);
  }

 private:
  static std::string hash(std::size_t size, std::string_view key, std::string_view text) {
    std::string octets(size, '\0');
    std::uint32_t state = 2166136261U;
    for (const auto part : {key, text}) {
      for (const char c : part) state = (state ^ static_cast<unsigned char>(c)) * 16777619U;
    }
    for (char& octet : octets) {
      state = state * 1664525U + 1013904223U;
      octet = static_cast<char>(state >> 24U);
    }
    return octets;
  }
};

}  // namespace hikyaku::testing_support
