#include "mime/body_text.h"

#include <gtest/gtest.h>

#include "mime/any_cuts_for_tests.h"

namespace hikyaku::mime {
namespace {

using Source = BodyTextFacts::Source;
struct TextCase {
  const char* name;
  std::string label, octets, text, charset;
  Source source;
};
void PrintTo(const TextCase& row, std::ostream* out) { *out << row.name; }
class BodyTextTest : public testing::TestWithParam<TextCase> {};

TEST_P(BodyTextTest, IsReadInAnyCuts) {
  const auto& row = GetParam();
  for (const auto& pieces : any_cuts(row.octets)) {
    BodyTextDecoder decoder(row.label);
    std::string out;
    for (const auto piece : pieces) decoder.feed(piece, out);
    decoder.finish(out);
    ASSERT_EQ(out, row.text);
    ASSERT_EQ(decoder.facts().charset.name, row.charset) << decoder.facts().reason;
    ASSERT_EQ(decoder.facts().source, row.source);
  }
}

const std::string kUtf8Text = "こんにちは、世界。お元気ですか";
const std::string kJisText = "\x1b$B$3$s$K$A$O\x1b(B\r\n";
const std::string kSjisText = "\x82\xb1\x82\xf1\x82\xc9\x82\xbf\x82\xcd\x81\x41\x90\xa2\x8a\x45\x81\x42";

INSTANTIATE_TEST_SUITE_P(
    , BodyTextTest,
    testing::Values(
        TextCase{"ascii_without_a_label", "", "hi\n", "hi\n", "us-ascii", Source::no_label},
        TextCase{"utf_8", "UTF-8", kUtf8Text, kUtf8Text, "utf-8", Source::label},
        TextCase{"iso_2022_jp", "iso-2022-jp", kJisText, "こんにちは\r\n", "iso-2022-jp", Source::label},
        TextCase{"escapes_without_a_label", "", kJisText, "こんにちは\r\n", "iso-2022-jp", Source::no_label},
        TextCase{"escapes_labelled_ascii", "us-ascii", kJisText, "こんにちは\r\n", "iso-2022-jp",
                 Source::wrong_label},
        TextCase{"utf_8_labelled_ascii", "us-ascii", kUtf8Text, kUtf8Text, "utf-8", Source::wrong_label},
        TextCase{"utf_8_labelled_iso_2022_jp", "iso-2022-jp", kUtf8Text, kUtf8Text, "utf-8",
                 Source::wrong_label},
        TextCase{"shift_jis_labelled_iso_2022_jp", "iso-2022-jp", kSjisText, "こんにちは、世界。",
                 "shift_jis", Source::wrong_label},
        TextCase{"shift_jis_labelled_utf_8", "utf-8", kSjisText, "こんにちは、世界。", "shift_jis",
                 Source::wrong_label},
        TextCase{"a_label_that_nobody_knows", "x-nothing", kUtf8Text, kUtf8Text, "utf-8",
                 Source::unknown_label},
        TextCase{"nothing", "utf-8", "", "", "utf-8", Source::label}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(BodyText, WhatIsInsertedStandsWhereItWas) {
  BodyTextDecoder decoder("");
  std::string out;
  decoder.feed("before ", out);
  decoder.insert("[ここ] ", out);
  decoder.feed(kSjisText, out);
  EXPECT_EQ(out, "");
  decoder.insert("[終]", out);
  decoder.finish(out);
  EXPECT_EQ(out, "before [ここ] こんにちは、世界。[終]");
}

TEST(BodyText, WhatIsInsertedIsHeldToALimit) {
  BodyTextDecoder decoder("");
  std::string out;
  decoder.feed("a", out);
  for (std::size_t held = 0; held <= BodyTextDecoder::kSample; held += 1000)
    decoder.insert(std::string(1000, 'b'), out);
  EXPECT_GT(out.size(), BodyTextDecoder::kSample);
}

TEST(BodyText, WhatFollowsTheSampleIsReadTheSame) {
  std::string octets;
  while (octets.size() < 3 * BodyTextDecoder::kSample) octets += kUtf8Text;
  BodyTextDecoder decoder("us-ascii");
  std::string out;
  for (std::size_t at = 0; at < octets.size(); at += 1000)
    decoder.feed(std::string_view(octets).substr(at, 1000), out);
  decoder.finish(out);
  EXPECT_EQ(out, octets);
}

}  // namespace
}  // namespace hikyaku::mime
