#include "mime/safe_name.h"

#include <gtest/gtest.h>

namespace hikyaku::mime {
namespace {

struct NameCase {
  const char* name;
  std::string from, to;
};
void PrintTo(const NameCase& row, std::ostream* out) { *out << row.name; }
class SafeNameTest : public testing::TestWithParam<NameCase> {};

TEST_P(SafeNameTest, IsSafe) { EXPECT_EQ(safe_file_name(GetParam().from, "part-1.bin"), GetParam().to); }

std::string repeated(std::string_view text, int times) {
  std::string out;
  while (times-- > 0) out += text;
  return out;
}

INSTANTIATE_TEST_SUITE_P(
    , SafeNameTest,
    testing::Values(
        NameCase{"plain", "a b.txt", "a b.txt"}, NameCase{"japanese", "見積.xlsx", "見積.xlsx"},
        NameCase{"a_way_up", "../../etc/passwd", "passwd"}, NameCase{"absolute", "/etc/passwd", "passwd"},
        NameCase{"windows_path", "C:\\dir\\a.doc", "a.doc"}, NameCase{"a_drive", "C:a.doc", "C_a.doc"},
        NameCase{"dots_alone", "..", "part-1.bin"}, NameCase{"a_slash_at_the_end", "a/", "part-1.bin"},
        NameCase{"nothing", "", "part-1.bin"}, NameCase{"hidden", ".bashrc", "bashrc"},
        NameCase{"nul", {"a\0b.txt", 7}, "ab.txt"}, NameCase{"line_ends", "a\r\nb\x1b[2J.txt", "ab[2J.txt"},
        NameCase{"right_to_left_override",
                 "invoice\xe2\x80\xae"
                 "fdp.exe",
                 "invoicefdp.exe"},
        NameCase{"c1_controls",
                 "a\xc2\x9b"
                 "b",
                 "ab"},
        NameCase{"zero_width",
                 "a\xe2\x80\x8b"
                 "b",
                 "ab"},
        NameCase{"not_utf_8", "a\xff.txt", "a_.txt"}, NameCase{"a_device", "CON", "_CON"},
        NameCase{"a_device_with_extension", "nul.txt", "_nul.txt"}, NameCase{"a_port", "com1", "_com1"},
        NameCase{"no_device", "console.txt", "console.txt"},
        NameCase{"other_meanings", "a:b*c?\"<>|.txt", "a_b_c_____.txt"},
        NameCase{"blanks_and_dots_at_the_ends", " . a.txt. .", "a.txt"},
        NameCase{"three_hundred_characters", repeated("x", 300) + ".txt", repeated("x", 196) + ".txt"},
        NameCase{"characters_are_not_cut", repeated("あ", 100), repeated("あ", 66)}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(NumberedName, KeepsTheExtension) {
  EXPECT_EQ(numbered_file_name("a.b.txt", 2), "a.b-2.txt");
  EXPECT_EQ(numbered_file_name("README", 2), "README-2");
}

}  // namespace
}  // namespace hikyaku::mime
