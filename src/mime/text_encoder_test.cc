#include "mime/text_encoder.h"

#include <gtest/gtest.h>

#include <string>

#include "mime/text_decoder.h"

namespace hikyaku::mime {
namespace {

struct EncodeCase {
  const char* name;
  std::string_view charset, text, octets;
  std::string_view unencodable = "";
};
class Encode : public testing::TestWithParam<EncodeCase> {};

TEST_P(Encode, gives_the_octets_whole_and_octet_by_octet) {
  const auto& row = GetParam();
  const auto charset = charset_by_label(row.charset);
  ASSERT_TRUE(charset);
  const auto encoded = encode_octets(*charset, row.text);
  ASSERT_TRUE(encoded) << encoded.error().text;
  EXPECT_EQ(encoded->octets, row.octets);
  std::string which;
  for (const auto& one : encoded->notes.which) which += (which.empty() ? "" : ",") + one;
  EXPECT_EQ(which, row.unencodable);

  auto encoder = TextEncoder::open(*charset);
  ASSERT_TRUE(encoder);
  std::string octets;
  for (const char& c : row.text) encoder->feed({&c, 1}, octets);
  encoder->finish(octets);
  EXPECT_EQ(octets, row.octets);
}

INSTANTIATE_TEST_SUITE_P(
    , Encode,
    testing::Values(
        EncodeCase{"iso_2022_jp_returns_to_ascii", "iso-2022-jp", "a日本b\n語",
                   "a\x1b$BF|K\\\x1b(Bb\n\x1b$B8l\x1b(B"},
        EncodeCase{"both_wave_dashes", "iso-2022-jp", "～〜－−", "\x1b$B!A!A!]!]\x1b(B"},
        EncodeCase{"both_of_the_other_twins", "shift_jis", "∥‖―—￠¢￡£￢¬￥¥￣‾",
                   "\x81\x61\x81\x61\x81\x5c\x81\x5c\x81\x91\x81\x91\x81\x92\x81\x92\x81\xca\x81\xca\x81\x8f"
                   "\x81\x8f\x81\x50\x81\x50"},
        EncodeCase{"kana_widened", "iso-2022-jp", "ｱｶﾞﾊﾟｳﾞﾞ。", "\x1b$B%\"%,%Q%t!+!#\x1b(B"},
        EncodeCase{"kana_widened_at_the_end", "cp50220", "aｶ", "a\x1b$B%+\x1b(B"},
        EncodeCase{"kana_by_escape", "cp50221", "ｱ日ｽ", "\x1b(I1\x1b$BF|\x1b(I=\x1b(B"},
        EncodeCase{"kana_by_shift_out", "cp50222", "ｱ日ｽa",
                   "\x0e\x31\x0f\x1b$BF|\x1b(B\x0e\x3d\x0f"
                   "a"},
        EncodeCase{"nec_and_ibm_characters", "iso-2022-jp", "①Ⅰ髙﨑", "\x1b$B-!-5|byu\x1b(B"},
        EncodeCase{"jis_x_0212_only_where_it_may_be", "iso-2022-jp-1", "丂", "\x1b$(D0!\x1b(B"},
        EncodeCase{"jis_x_0212_not_in_iso_2022_jp", "iso-2022-jp", "日丂", "\x1b$BF|\x1b(B?", "U+4E02 丂"},
        EncodeCase{"user_defined_of_ms", "iso-2022-jp-ms", "\xee\x80\x80", "\x1b$(?!!\x1b(B"},
        EncodeCase{"nec_row_13_before_ibm", "cp932", "①Ⅰ㈱∵髙﨑ⅰ",
                   "\x87\x40\x87\x54\x87\x8a\x81\xe6\xfb\xfc\xfa\xb1\xfa\x40"},
        EncodeCase{"backslash_as_trail", "shift_jis", "表ｱ", "\x95\x5c\xb1"},
        EncodeCase{"user_defined", "cp932", "\xee\x80\x80\xee\x9d\x97", "\xf0\x40\xf9\xfc"},
        EncodeCase{"euc_jp", "euc-jp", "日ｱ①髙丂", "\xc6\xfc\x8e\xb1\xad\xa1\xfc\xe2\x8f\xb0\xa1"},
        EncodeCase{"euc_jp_ms", "eucjp-ms", "①髙\xee\x80\x80\xee\x8e\xac",
                   "\xad\xa1\x8f\xf4\xfb\xf5\xa1\x8f\xf5\xa1"},
        EncodeCase{"emoji", "iso-2022-jp", "日😀", "\x1b$BF|\x1b(B?", "U+1F600 😀"},
        EncodeCase{"each_named_once", "us-ascii", "é😀é", "???", "U+00E9 é,U+1F600 😀"},
        EncodeCase{"not_utf_8", "utf-8", "a\xff", "a?", "octet ff"},
        EncodeCase{"latin_1", "iso-8859-1", "é日", "\xe9?", "U+65E5 日"},
        EncodeCase{"utf_7", "utf-7", "日本!", "+ZeVnLAAh-"},
        EncodeCase{"jis_x_0213", "iso-2022-jp-3", "a日", "a\x1b$BF|\x1b(B"}),
    [](const auto& row) { return std::string(row.param.name); });

// Each character that a decoder can give must come back from the encoder of the same charset as octets that
// say it again.
TEST(TextEncoder, says_again_what_the_decoder_read) {
  for (const std::string_view label : {"cp932", "euc-jp", "eucjp-ms", "iso-2022-jp-ms"}) {
    const auto charset = charset_by_label(label);
    ASSERT_TRUE(charset);
    std::string all;
    for (unsigned lead = 0x21; lead < 0xff; ++lead) {
      for (unsigned trail = 0x21; trail < 0xff; ++trail) {
        std::string octets{static_cast<char>(lead), static_cast<char>(trail)};
        if (charset->kind == CharsetKind::iso_2022_jp) {
          if (lead > 0x7e || trail > 0x7e) continue;
          octets = "\x1b$B" + octets + "\x1b(B";
        }
        const auto decoded = decode_octets(*charset, octets);
        ASSERT_TRUE(decoded);
        if (decoded->notes.replaced > 0) continue;
        const auto encoded = encode_octets(*charset, decoded->text);
        ASSERT_TRUE(encoded);
        EXPECT_EQ(encoded->notes.unencodable, 0U)
            << label << " " << lead << " " << trail << " " << decoded->text;
        const auto again = decode_octets(*charset, encoded->octets);
        ASSERT_TRUE(again);
        ASSERT_EQ(again->text, decoded->text) << label << " " << lead << " " << trail;
      }
    }
  }
}

}  // namespace
}  // namespace hikyaku::mime
