#include "cmd/parallel_base64.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace hikyaku::cmd {
namespace {

std::string random_octets(std::size_t size) {
  std::mt19937 random(7);
  std::string octets(size, '\0');
  for (auto& octet : octets) octet = static_cast<char>(static_cast<unsigned char>(random() & 255));
  return octets;
}

TEST(ParallelBase64Encoder, WritesWhatOneEncoderWould) {
  constexpr auto kWorthIt = ParallelBase64Encoder::kWorthIt;
  const auto octets = random_octets(3 * kWorthIt + 1234);
  for (const std::size_t line :
       {0UL, 1UL, 4UL, 64UL, 75UL, 76UL, 1000UL, 1UL << 20, 2UL << 20, 100UL << 20}) {
    for (const std::size_t piece :
         {octets.size(), kWorthIt, kWorthIt + 1, 2 * kWorthIt - 1, std::size_t{300000}}) {
      const Base64Format format{.line_length = line, .line_end = Base64Format::LineEnd::crlf};
      Base64Encoder one(format);
      std::string want, got;
      one.feed(octets, want);
      one.end(want);
      ParallelBase64Encoder two(format);
      for (std::size_t at = 0; at < octets.size(); at += piece) {
        std::string behind;
        two.feed(std::string_view(octets).substr(at, piece), got, behind);
        got += behind;
      }
      two.end(got);
      EXPECT_TRUE(got == want) << line << ' ' << piece;
    }
  }
}

}  // namespace
}  // namespace hikyaku::cmd
