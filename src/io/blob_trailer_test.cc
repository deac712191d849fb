#include "io/blob_trailer.h"

#include <gtest/gtest.h>

namespace hikyaku::io {
namespace {

using namespace std::string_view_literals;
constexpr std::string_view kGolden =
    "hikyaku body 1\n\0\x0a\x01\x00\x00\x00\x00\x00\x00\x78\x56\x34\x12\xcc\x4b\x1a\x80"sv;

TEST(BlobTrailer, IsTheGoldenOne) {
  const BlobTrailer trailer{.octets = 266, .checksum = 0x12345678};
  EXPECT_EQ(trailer.text(), kGolden);
  EXPECT_EQ(BlobTrailer::parse(kGolden, 266 + 32), trailer);
}

TEST(BlobTrailer, OneChangedOctetIsADamageAndNoPartOfTheBody) {
  for (std::size_t at = 0; at < kGolden.size(); ++at) {
    std::string changed(kGolden);
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    const auto trailer = BlobTrailer::parse(changed, 266 + 32);
    ASSERT_TRUE(trailer.has_value()) << at;
    EXPECT_TRUE(trailer->damaged) << at;
    EXPECT_EQ(trailer->octets, 266U) << at;
  }
}

TEST(BlobTrailer, AFileOfBeforeHasNone) {
  EXPECT_EQ(BlobTrailer::parse("the end of some mail, 32 octets\n", 4000), std::nullopt);
  EXPECT_EQ(BlobTrailer::parse(std::string(32, '\0'), 4000), std::nullopt);
  EXPECT_EQ(BlobTrailer::parse("short", 5), std::nullopt);
}

TEST(BlobTrailer, OneThatIsAtAnotherPlaceIsADamage) {
  const auto trailer = BlobTrailer::parse(kGolden, 200);
  ASSERT_TRUE(trailer.has_value());
  EXPECT_TRUE(trailer->damaged);
}

}  // namespace
}  // namespace hikyaku::io
