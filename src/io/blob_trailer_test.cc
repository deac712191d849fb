#include "io/blob_trailer.h"

#include <gtest/gtest.h>

#include "base/crc32c.h"

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

TEST(BlobCheck, ABodyIsTheSameInWhateverPiecesItIsRead) {
  const std::string body(1000, 'x');
  const auto file = body + BlobTrailer{body.size(), crc32c(body), false}.text();
  for (const std::size_t piece : {1, 7, 31, 32, 33, 500, 999, 1000, 1001, 1031, 1032}) {
    BlobCheck whole, cut, damaged;
    const auto take = [&](BlobCheck& check, std::string_view octets) {
      for (; !octets.empty(); octets.remove_prefix(std::min(piece, octets.size())))
        check.take(octets.substr(0, piece));
    };
    take(whole, file);
    EXPECT_EQ(whole.end("f").value(), (BlobTrailer{body.size(), crc32c(body), false})) << piece;
    take(cut, std::string_view(file).substr(1));
    EXPECT_FALSE(cut.end("f")) << piece;
    auto changed = file;
    changed[500] = 'y';
    take(damaged, changed);
    EXPECT_FALSE(damaged.end("f")) << piece;
  }
}

TEST(BlobCheck, AFileWithoutATrailerIsAllBody) {
  for (const std::size_t size : {0, 1, 31, 32, 33, 100}) {
    const std::string body(size, 'x');
    BlobCheck check;
    check.take(body);
    EXPECT_EQ(check.end("f").value(), (BlobTrailer{size, crc32c(body), false})) << size;
  }
}

}  // namespace
}  // namespace hikyaku::io
