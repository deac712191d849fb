#include "io/content_hash.h"

#include <gtest/gtest.h>

#include <string>

namespace hikyaku::io {
namespace {

std::string hex(const ContentHash::Value& value) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const auto octet : value) {
    out += kHex[octet >> 4U];
    out += kHex[octet & 15U];
  }
  return out;
}

TEST(ContentHash, IsThatOfFips180InPiecesOfAnySizeAndAgain) {
  constexpr std::string_view kText = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  constexpr std::string_view kHash = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";
  ContentHash hash;
  for (std::size_t size = 1; size <= kText.size(); ++size) {
    for (std::size_t at = 0; at < kText.size(); at += size) hash.update(kText.substr(at, size));
    EXPECT_EQ(hex(hash.finish()), kHash) << "pieces of " << size;
  }
  EXPECT_EQ(hex(hash.finish()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
      << "nothing";
}

}  // namespace
}  // namespace hikyaku::io
