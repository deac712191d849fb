#include "mime/charset.h"

#include <gtest/gtest.h>

#include <string>

#include "mime/text_decoder.h"

namespace hikyaku::mime {
namespace {

struct LabelCase {
  const char* name;
  std::string_view label, charset;  ///< empty: nobody knows it
};
class CharsetLabel : public testing::TestWithParam<LabelCase> {};

TEST_P(CharsetLabel, is_known) {
  const auto charset = charset_by_label(GetParam().label);
  EXPECT_EQ(charset ? charset->name : "", GetParam().charset);
  if (charset) EXPECT_TRUE(TextDecoder::open(*charset)) << "this system can't read it";
}

INSTANTIATE_TEST_SUITE_P(
    , CharsetLabel,
    testing::Values(
        LabelCase{"upper_case", "ISO-2022-JP", "iso-2022-jp"}, LabelCase{"quoted", "\"utf-8\"", "utf-8"},
        LabelCase{"without_hyphens", "utf8", "utf-8"}, LabelCase{"with_a_language", "utf-8*ja", "utf-8"},
        LabelCase{"x_sjis", "x-sjis", "shift_jis"}, LabelCase{"cp932", "cp932", "shift_jis"},
        LabelCase{"windows_31j", "Windows-31J", "shift_jis"}, LabelCase{"ms_kanji", "MS_Kanji", "shift_jis"},
        LabelCase{"cs_shift_jis", "csShiftJIS", "shift_jis"}, LabelCase{"x_euc_jp", "x-euc-jp", "euc-jp"},
        LabelCase{"eucjp_ms", "eucJP-ms", "eucjp-ms"}, LabelCase{"cp50220", "cp50220", "cp50220"},
        LabelCase{"cp50221", "CP50221", "cp50221"}, LabelCase{"cp50222", "cp50222", "cp50222"},
        LabelCase{"iso_2022_jp_ms", "ISO-2022-JP-MS", "iso-2022-jp-ms"},
        LabelCase{"iso_2022_jp_1", "iso-2022-jp-1", "iso-2022-jp-1"},
        LabelCase{"iso_2022_jp_2", "csISO2022JP2", "iso-2022-jp-2"},
        LabelCase{"iso_2022_jp_3", "iso-2022-jp-3", "iso-2022-jp-3"},
        LabelCase{"iso_2022_jp_2004", "ISO-2022-JP-2004", "iso-2022-jp-2004"},
        LabelCase{"us_ascii", "US-ASCII", "us-ascii"}, LabelCase{"ansi_x3_4", "ANSI_X3.4-1968", "us-ascii"},
        LabelCase{"latin_1", "iso-8859-1", "iso-8859-1"},
        LabelCase{"with_a_year", "ISO_8859-1:1987", "iso-8859-1"},
        LabelCase{"windows_1252", "windows-1252", "windows-1252"},
        LabelCase{"cp1251", "cp1251", "windows-1251"}, LabelCase{"gb2312_as_its_superset", "gb2312", "gbk"},
        LabelCase{"gb18030", "GB18030", "gb18030"}, LabelCase{"korean", "ks_c_5601-1987", "euc-kr"},
        LabelCase{"big5", "Big5", "big5"}, LabelCase{"utf_7", "utf-7", "utf-7"}, LabelCase{"empty", "", ""},
        LabelCase{"nobody_knows", "x-unknown", ""}, LabelCase{"octets", "\x83\xff", ""},
        LabelCase{"shift_jis_2004", "Shift_JIS-2004", "shift_jis-2004"},
        LabelCase{"euc_jis_2004", "EUC-JIS-2004", "euc-jis-2004"},
        LabelCase{"too_long", "utf-8-----------------------------------------------------------------------",
                  ""}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::mime
