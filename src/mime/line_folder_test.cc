#include "mime/line_folder.h"

#include <gtest/gtest.h>

#include "mime/any_cuts_for_tests.h"

namespace hikyaku::mime {
namespace {

constexpr LineFolder::Options kTen{.columns = 10, .margin = 4},
    kKept{.columns = 10, .margin = 4, .line_ends = LineFolder::LineEnds::kept};
struct FoldCase {
  const char* name;
  LineFolder::Options options;
  std::string_view in, out;
};
void PrintTo(const FoldCase& row, std::ostream* out) { *out << row.name; }
class LineFolderTest : public testing::TestWithParam<FoldCase> {};

TEST_P(LineFolderTest, FoldsTheSameInAnyCuts) {
  for (const auto& pieces : any_cuts(GetParam().in)) {
    LineFolder folder(GetParam().options);
    std::string out;
    for (const auto piece : pieces) folder.feed(piece, out);
    folder.finish(out);
    ASSERT_EQ(out, GetParam().out);
  }
}

INSTANTIATE_TEST_SUITE_P(
    , LineFolderTest,
    testing::Values(
        FoldCase{"nothing", kTen, "", ""},
        FoldCase{"japanese", kTen, "あいうえおかきくけこさ", "あいうえお\nかきくけこ\nさ\n"},
        FoldCase{"a_stop_begins_no_line", kTen, "あいうえお。か", "あいうえお。\nか\n"},
        FoldCase{"beyond_the_margin_it_does", kTen, "あいうえお。。。か", "あいうえお。。\n。か\n"},
        FoldCase{"a_word_goes_into_the_margin", kTen, "abc defghijkl mno", "abc defghijkl\nmno\n"},
        FoldCase{"a_line_end_alone_joins", kTen, "ab\ncd\nあ\nい", "ab cd あい\n"},
        FoldCase{"a_paragraph_ends", kTen, "あ\n\nい\n", "あ\n\nい\n"},
        FoldCase{"blanks_are_one", kTen, "a\t　 b", "a b\n"},
        FoldCase{"line_ends_are_kept", kKept, "ab\r\ncd\nあ\rい\n\n", "ab\ncd\nあ\nい\n\n"},
        FoldCase{"half_width_kana_take_one_column", kKept, "ｱｱｱｱｱｱｱｱｱｱｱ\n", "ｱｱｱｱｱｱｱｱｱｱ\nｱ\n"},
        FoldCase{"octets_that_are_no_utf_8_stay", kKept,
                 "\xff\xe3\x81"
                 "a\xe3",
                 "\xff\xe3\x81"
                 "a\xe3\n"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::mime
