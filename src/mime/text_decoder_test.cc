#include "mime/text_decoder.h"

#include <gtest/gtest.h>

#include <string>

namespace hikyaku::mime {
namespace {

using namespace std::string_view_literals;

/// The notes in letters: L lost escape, K half-width kana, 8 eight bit, X extended, U user defined, S ended
/// shifted.
std::string letters(const DecodeNotes& notes) {
  std::string text;
  if (notes.lost_escape) text += 'L';
  if (notes.half_width_kana) text += 'K';
  if (notes.eight_bit) text += '8';
  if (notes.extended) text += 'X';
  if (notes.user_defined) text += 'U';
  if (notes.ended_shifted) text += 'S';
  if (notes.replaced) text += "R" + std::to_string(notes.replaced) + "@" + std::to_string(*notes.first_bad);
  return text;
}

struct DecodeCase {
  const char* name;
  std::string_view charset, octets, text;
  std::string_view notes = "";
};
class Decode : public testing::TestWithParam<DecodeCase> {};

TEST_P(Decode, gives_the_text_whole_and_octet_by_octet) {
  const auto& row = GetParam();
  const auto charset = charset_by_label(row.charset);
  ASSERT_TRUE(charset);
  const auto decoded = decode_octets(*charset, row.octets);
  ASSERT_TRUE(decoded) << decoded.error().text;
  EXPECT_EQ(decoded->text, row.text);
  EXPECT_EQ(letters(decoded->notes), row.notes);

  auto decoder = TextDecoder::open(*charset);
  ASSERT_TRUE(decoder);
  std::string text;
  for (const char& c : row.octets) decoder->feed({&c, 1}, text);
  decoder->finish(text);
  EXPECT_EQ(text, row.text);
  EXPECT_EQ(letters(decoder->notes()), row.notes);
}

const auto named = [](const auto& row) { return std::string(row.param.name); };

INSTANTIATE_TEST_SUITE_P(
    Iso2022Jp, Decode,
    testing::Values(
        DecodeCase{"ascii", "iso-2022-jp", "plain $5 (B", "plain $5 (B"},
        DecodeCase{"jis_1983", "iso-2022-jp", "a\x1b$BF|K\\\x1b(Bb", "a日本b"},
        DecodeCase{"jis_1978", "iso-2022-jp", "\x1b$@F|K\\\x1b(J", "日本"},
        DecodeCase{"four_octet_escape", "iso-2022-jp", "\x1b$(BF|\x1b(B", "日"},
        DecodeCase{"jis_1990_announced", "iso-2022-jp", "\x1b&@\x1b$BF|\x1b(B", "日"},
        DecodeCase{"roman_keeps_backslash_and_tilde", "iso-2022-jp", "\x1b(JC:\\~\x1b(B", "C:\\~"},
        DecodeCase{"half_width_kana", "iso-2022-jp", "\x1b(I1=\x1b(B", "ｱｽ", "K"},
        DecodeCase{"kana_by_shift_out", "cp50222", "\x0e\x31\x3d\x0f.", "ｱｽ.", "K"},
        DecodeCase{"kana_in_8_bits", "iso-2022-jp", "a\xb1\xbd", "aｱｽ", "K8"},
        DecodeCase{"kana_directly_behind_kanji", "cp50221", "\x1b$BF|\x1b(I1\x1b$BK\\\x1b(B", "日ｱ本", "K"},
        DecodeCase{"nec_row_13", "iso-2022-jp", "\x1b$B-!-5\x1b(B", "①Ⅰ", "X"},
        DecodeCase{"nec_selected_ibm", "iso-2022-jp", "\x1b$B|by!\x1b(B", "髙纊", "X"},
        DecodeCase{"ibm_row_beyond_94", "cp50220", "\x1b$B\x93\x21\x1b(B", "ⅰ", "X"},
        DecodeCase{"user_defined", "iso-2022-jp-ms", "\x1b$(?!!\x1b(B", "\xee\x80\x80", "U"},
        DecodeCase{"user_defined_row_beyond_94", "cp50220", "\x1b$B\x7f\x21\x1b(B", "\xee\x80\x80", "U"},
        DecodeCase{"jis_x_0212", "iso-2022-jp-1", "\x1b$(D0!\x1b(B", "丂", "X"},
        DecodeCase{"jis_x_0213_planes", "iso-2022-jp-2004", "\x1b$(Q.!\x1b$(P!\"\x1b(B", "俱丂"},
        DecodeCase{"jis_x_0213_two_characters_of_one_cell", "iso-2022-jp-3", "\x1b$(O$w\x1b(B", "か゚"},
        DecodeCase{"chinese_and_korean", "iso-2022-jp-2", "\x1b$A0!\x1b$(C0!\x1b(B", "啊가"},
        DecodeCase{"latin_by_single_shift", "iso-2022-jp-2", "\x1b.Ax\x1bNi", "xé"},
        DecodeCase{"greek_by_single_shift", "iso-2022-jp-2", "\x1b.F\x1bNa", "α"},
        DecodeCase{"wave_dash_is_microsofts", "iso-2022-jp", "\x1b$B!A!]\x1b(B", "～－"},
        DecodeCase{"no_return_to_ascii", "iso-2022-jp", "\x1b$BF|", "日", "S"},
        DecodeCase{"line_end_returns_to_ascii", "iso-2022-jp", "\x1b$BF|\r\nabc", "日\r\nabc", "S"},
        DecodeCase{"kana_end_returns_to_ascii", "cp50222", "\x0e\x31\nabc", "ｱ\nabc", "KS"},
        DecodeCase{"space_between_double_octets", "iso-2022-jp", "\x1b$BF| K\\\x1b(B", "日 本"},
        DecodeCase{"octets_with_8th_bit_left_on", "iso-2022-jp", "\x1b$B\xc6\xfc\x1b(B", "日", "8"},
        DecodeCase{"lost_escapes_around_kana", "iso-2022-jp", "x $B$\"$$(B y", "x あい y", "L"},
        DecodeCase{"lost_escapes_around_kanji", "iso-2022-jp", "$B2q5D(J", "会議", "L"},
        DecodeCase{"dollars_in_text", "iso-2022-jp", "$Bill (Big) $B (B $BIG(B", "$Bill (Big) $B (B $BIG(B"},
        DecodeCase{"lost_escape_not_on_a_line_with_escapes", "iso-2022-jp", "\x1b$BF|\x1b(B $B$\"(B",
                   "日 $B$\"(B"},
        DecodeCase{"lost_escape_without_end", "iso-2022-jp", "$B$\"$\"", "$B$\"$\""},
        DecodeCase{"empty_cell", "iso-2022-jp", "\x1b$B)!F|\x1b(B", "\uFFFD日", "R1@3"},
        DecodeCase{"half_a_character", "iso-2022-jp", "\x1b$BF|K\x1b(B.", "日\uFFFD.", "R1@5"},
        DecodeCase{"half_a_character_at_the_end", "iso-2022-jp", "\x1b$BK", "\uFFFD", "SR1@3"},
        DecodeCase{"unknown_escape", "iso-2022-jp", "a\x1b[1mb", "a\uFFFD[1mb", "R1@1"},
        DecodeCase{"escape_at_the_end", "iso-2022-jp", "a\x1b", "a\uFFFD", "R1@1"},
        DecodeCase{"not_kana_in_kana", "iso-2022-jp", "\x1b(Ia1\x1b(B", "\uFFFDｱ", "KR1@3"},
        DecodeCase{"octet_of_no_set", "iso-2022-jp", "a\xf0z", "a\uFFFDz", "8R1@1"}),
    named);

INSTANTIATE_TEST_SUITE_P(
    ShiftJis, Decode,
    testing::Values(
        DecodeCase{"kanji_kana_ascii", "shift_jis", "\x93\xfa\x96\x7b\xb1 a\\~", "日本ｱ a\\~"},
        DecodeCase{"backslash_as_trail", "shift_jis", "\x95\x5c\x8f\x5c", "表十"},
        DecodeCase{"nec_row_13", "shift_jis", "\x87\x40\x87\x54\x87\x8a", "①Ⅰ㈱"},
        DecodeCase{"nec_selected_and_ibm", "cp932", "\xee\xe0\xfb\xfc\xed\x95\xfa\xb1", "髙髙﨑﨑"},
        DecodeCase{"user_defined", "cp932", "\xf0\x40\xf9\xfc", "\xee\x80\x80\xee\x9d\x97", "U"},
        DecodeCase{"wave_dash_is_microsofts", "shift_jis", "\x81\x60\x81\x61\x81\x7c", "～∥－"},
        DecodeCase{"lead_at_the_end", "shift_jis", "a\x93", "a\uFFFD", "R1@1"},
        DecodeCase{"trail_is_no_trail", "shift_jis", "\x93\x20z", "\uFFFD z", "R1@0"},
        DecodeCase{"no_such_cell_with_an_ascii_trail", "shift_jis", "\x85\x41z", "\uFFFDAz", "R1@0"},
        DecodeCase{"no_such_cell", "shift_jis", "\x85\xa0z", "\uFFFDz", "R1@0"},
        DecodeCase{"octets_of_nothing", "shift_jis", "\x80\xa0\xfd\xff", "\uFFFD\uFFFD\uFFFD\uFFFD", "R4@0"}),
    named);

INSTANTIATE_TEST_SUITE_P(
    EucJp, Decode,
    testing::Values(DecodeCase{"kanji_kana_ascii", "euc-jp", "\xc6\xfc\xcb\xdc\x8e\xb1 a", "日本ｱ a"},
                    DecodeCase{"jis_x_0212", "euc-jp", "\x8f\xb0\xa1", "丂"},
                    DecodeCase{"nec_and_selected", "euc-jp", "\xad\xa1\xfc\xe2", "①髙"},
                    DecodeCase{"user_defined_of_ms", "eucjp-ms", "\xf5\xa1\x8f\xf5\xa1",
                               "\xee\x80\x80\xee\x8e\xac", "U"},
                    DecodeCase{"ibm_of_ms", "eucjp-ms", "\x8f\xf4\xfb", "髙"},
                    DecodeCase{"wave_dash_is_microsofts", "euc-jp", "\xa1\xc1", "～"},
                    DecodeCase{"half_a_character", "euc-jp", "\xc6 a", "\uFFFD a", "R1@0"},
                    DecodeCase{"two_thirds_of_a_character", "euc-jp", "\x8f\xb0", "\uFFFD", "R1@0"},
                    DecodeCase{"no_such_cell", "euc-jp", "\xa9\xa1z", "\uFFFDz", "R1@0"}),
    named);

INSTANTIATE_TEST_SUITE_P(
    Unicode, Decode,
    testing::Values(DecodeCase{"utf_8", "utf-8", "日本😀é", "日本😀é"},
                    DecodeCase{"one_mark_for_a_part_of_a_character", "utf-8", "\xe3\x81z", "\uFFFDz", "R1@0"},
                    DecodeCase{"cut", "utf-8", "a\xf0\x9f\x98", "a\uFFFD", "R1@1"},
                    DecodeCase{"overlong", "utf-8", "\xc0\xaf", "\uFFFD\uFFFD", "R2@0"},
                    DecodeCase{"surrogate", "utf-8", "\xed\xa0\x80", "\uFFFD\uFFFD\uFFFD", "R3@0"},
                    DecodeCase{"ascii_alone", "us-ascii", "a\xe3", "a\uFFFD", "R1@1"},
                    DecodeCase{"utf_7", "utf-7", "Hi +ZeVnLIqe-!", "Hi 日本語!"},
                    DecodeCase{"utf_16", "utf-16be", "\x65\xe5"sv, "日"}),
    named);

INSTANTIATE_TEST_SUITE_P(
    OtherCharsets, Decode,
    testing::Values(DecodeCase{"latin_1", "iso-8859-1", "caf\xe9", "café"},
                    DecodeCase{"windows_1252", "windows-1252", "\x93q\x94", "“q”"},
                    DecodeCase{"hole_of_windows_1252", "windows-1252", "a\x81z", "a\uFFFDz", "R1@1"},
                    DecodeCase{"gb18030", "gb18030", "\xc4\xe3\xba\xc3", "你好"},
                    DecodeCase{"korean", "euc-kr", "\xb0\xa1", "가"},
                    DecodeCase{"big5", "big5", "\xa4\xa4\xa4\xe5", "中文"},
                    DecodeCase{"cut_in_big5", "big5", "\xa4\xa4\xa4", "中\uFFFD", "R1@2"}),
    named);

TEST(TextDecoder, goes_over_dollars_in_linear_time) {
  auto decoder = TextDecoder::open(kIso2022Jp);
  ASSERT_TRUE(decoder);
  std::string dollars, text;
  for (int i = 0; i < 500'000; ++i) dollars += i % 3 ? "$B" : "$$B";
  decoder->feed(dollars, text);
  decoder->finish(text);
  EXPECT_EQ(text, dollars);
}

}  // namespace
}  // namespace hikyaku::mime
