#pragma once
#include <algorithm>
#include <cstddef>
#include <random>
#include <string_view>
#include <vector>

namespace hikyaku::mime {

/// `octets` in pieces: whole, one octet at a time, of each size up to 9, and in 20 ways of the given seed.
inline std::vector<std::vector<std::string_view>> any_cuts(std::string_view octets, unsigned seed = 1) {
  std::vector<std::vector<std::string_view>> ways{{octets}};
  for (std::size_t size = 1; size < 10; ++size) {
    auto& pieces = ways.emplace_back();
    for (std::size_t at = 0; at < octets.size(); at += size) pieces.push_back(octets.substr(at, size));
  }
  std::mt19937 random(seed);
  for (int way = 0; way < 20; ++way) {
    auto& pieces = ways.emplace_back();
    for (std::size_t at = 0; at < octets.size();) {
      const auto size = std::uniform_int_distribution<std::size_t>(1, 40)(random);
      pieces.push_back(octets.substr(at, size));
      at += std::min(size, octets.size() - at);
    }
  }
  return ways;
}

}  // namespace hikyaku::mime
