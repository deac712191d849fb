#include "mime/japanese_forms.h"

#include <gtest/gtest.h>

#include "mime/any_cuts_for_tests.h"

namespace hikyaku::mime {
namespace {

struct FormsCase {
  const char* name;
  JapaneseForms::Options options;
  std::string_view in, out;
};
void PrintTo(const FormsCase& row, std::ostream* out) { *out << row.name; }
class JapaneseFormsTest : public testing::TestWithParam<FormsCase> {};

TEST_P(JapaneseFormsTest, AreWrittenTheSameInAnyCuts) {
  const auto& row = GetParam();
  for (const auto& pieces : any_cuts(row.in)) {
    JapaneseForms forms(row.options);
    std::string out;
    for (const auto piece : pieces) forms.feed(piece, out);
    forms.finish(out);
    ASSERT_EQ(out, row.out);
  }
}

INSTANTIATE_TEST_SUITE_P(
    , JapaneseFormsTest,
    testing::Values(
        FormsCase{"nothing_is_asked_for", {}, "ｱＡ\xff", "ｱＡ\xff"},
        FormsCase{"kana_are_widened", {.widen_kana = true}, "ｱｲaｶﾞｷﾊﾟﾊﾞｳﾞﾝﾞ｡｢ﾞ", "アイaガキパバヴン゛。「゛"},
        FormsCase{"all_voiced_kana",
                  {.widen_kana = true},
                  "ｶﾞｷﾞｸﾞｹﾞｺﾞｻﾞｼﾞｽﾞｾﾞｿﾞﾀﾞﾁﾞﾂﾞﾃﾞﾄﾞｯﾞﾅﾞ",
                  "ガギグゲゴザジズゼゾダヂヅデドッ゛ナ゛"},
        FormsCase{"octets_that_are_no_utf_8_stay",
                  {.widen_kana = true},
                  "ｱ\xff\xe3\x81"
                  "b\xe3",
                  "ア\xff\xe3\x81"
                  "b\xe3"},
        FormsCase{"ascii_is_narrowed", {.narrow_ascii = true}, "ＡＢｃ１！～　−“”‘’", "ABc1!～　-\"\"`'"},
        FormsCase{
            "blanks_too", {.narrow_ascii = true, .blanks = JapaneseForms::Blanks::two}, "Ａ　Ｂ", "A  B"},
        FormsCase{"to_entities", {.narrow_ascii = true, .html = true}, "＜Ａ＞＆”<", "&lt;A&gt;&amp;&quot;<"},
        FormsCase{"to_hiragana",
                  {.widen_kana = true, .kana = JapaneseForms::Kana::hiragana},
                  "あアヴガﾊﾟー",
                  "ああゔがぱー"},
        FormsCase{"to_katakana", {.kana = JapaneseForms::Kana::katakana}, "あアゔ漢", "アアヴ漢"},
        FormsCase{"exchanged", {.kana = JapaneseForms::Kana::exchanged}, "あア", "アあ"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::mime
