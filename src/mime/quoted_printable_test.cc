#include "mime/quoted_printable.h"

#include <gtest/gtest.h>

#include "mime/any_cuts_for_tests.h"

namespace hikyaku::mime {
namespace {

using Content = QuotedPrintableEncoder::Content;
struct EncoderCase {
  const char* name;
  Content content;
  std::string in, out;
};
void PrintTo(const EncoderCase& row, std::ostream* out) { *out << row.name; }
class QuotedPrintableEncoderTest : public testing::TestWithParam<EncoderCase> {};

TEST_P(QuotedPrintableEncoderTest, WritesTheSameInAnyCuts) {
  const auto& row = GetParam();
  for (const auto& pieces : any_cuts(row.in)) {
    QuotedPrintableEncoder encoder(row.content, "\n");
    std::string out;
    for (const auto piece : pieces) encoder.feed(piece, out);
    encoder.finish(out);
    ASSERT_EQ(out, row.out) << pieces.size() << " pieces";
  }
}

const std::string kX75(75, 'x');

INSTANTIATE_TEST_SUITE_P(
    , QuotedPrintableEncoderTest,
    testing::Values(
        EncoderCase{"plain", Content::text, "a=b~\n", "a=3Db~\n"},
        EncoderCase{"octets", Content::text, {"\xe3\x81\x82\x00\x7f", 5}, "=E3=81=82=00=7F"},
        EncoderCase{"line_ends_of_text", Content::text, "a\r\nb\n", "a\nb\n"},
        EncoderCase{"a_return_alone", Content::text, "a\rb\r", "a=0Db=0D"},
        EncoderCase{"blanks_at_the_end_of_a_line", Content::text, "a \nb\t\r\nc ", "a=20\nb=09\nc=20"},
        EncoderCase{"blanks_within", Content::text, "a  b", "a  b"},
        EncoderCase{"what_gateways_change", Content::text, ".\nFrom me\nFoo\n x.\n",
                    "=2E\nFrom=20me\nFoo\n x.\n"},
        EncoderCase{"a_line_of_75", Content::text, kX75, kX75},
        EncoderCase{"a_longer_line", Content::text, kX75 + "y=", kX75 + "=\ny=3D"},
        EncoderCase{"an_escape_is_not_cut", Content::text, kX75.substr(2) + "=", kX75.substr(2) + "=\n=3D"},
        EncoderCase{"returns_in_lf_text", Content::lf_text, "a\r\nb \r\n", "a=0D\nb =0D\n"},
        EncoderCase{"line_ends_of_octets", Content::binary, "a\r\n", "a=0D=0A"},
        EncoderCase{"nothing", Content::text, "", ""}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(QuotedPrintable, AllOctetsComeBack) {
  std::string all;
  for (int round = 0; round < 3; ++round)
    for (int octet = 0; octet < 256; ++octet) all += static_cast<char>(round == 1 ? 255 - octet : octet);
  for (const auto content : {Content::binary, Content::lf_text}) {
    QuotedPrintableEncoder encoder(content, "\n");
    std::string encoded, decoded;
    encoder.feed(all, encoded);
    encoder.finish(encoded);
    QuotedPrintableDecoder decoder;
    decoder.feed(encoded, decoded);
    decoder.finish(decoded);
    EXPECT_EQ(decoded, all);
    EXPECT_TRUE(decoder.notes().empty());
  }
}

}  // namespace
}  // namespace hikyaku::mime
