#include "base/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace hikyaku {
namespace {

/// Bit by bit, as RFC 3720 appendix B.4 defines it.
std::uint32_t by_definition(std::string_view octets) {
  std::uint32_t sum = ~std::uint32_t{0};
  for (const char c : octets) {
    sum ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ ((sum & 1) != 0 ? 0x82f63b78 : 0);
  }
  return ~sum;
}

std::string some_octets(std::size_t size) {
  std::string octets(size, '\0');
  std::uint32_t value = 1;
  for (auto& c : octets) c = static_cast<char>((value = value * 1664525 + 1013904223) >> 24);
  return octets;
}

TEST(Crc32c, IsThatOfTheExamplesOfTheStandard) {
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(""), 0U);
}

TEST(Crc32c, EveryLengthAndBeginHasTheSumOfTheDefinition) {
  const auto octets = some_octets(5000);
  for (std::size_t size = 0; size < octets.size(); size += size < 40 ? 1 : size % 1536 > 1500 ? 1 : 37) {
    for (const std::size_t begin : {0, 1, 5}) {
      const auto part = std::string_view(octets).substr(begin, size);
      EXPECT_EQ(crc32c(part), by_definition(part)) << size << " from " << begin;
    }
  }
}

TEST(Crc32c, PartsAreSummedOneAfterTheOther) {
  const auto octets = some_octets(4000);
  const std::string_view all = octets;
  for (std::size_t cut = 0; cut <= all.size(); cut += 97)
    EXPECT_EQ(crc32c(all.substr(cut), crc32c(all.substr(0, cut))), crc32c(all)) << cut;
}

}  // namespace
}  // namespace hikyaku
