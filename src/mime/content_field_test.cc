#include "mime/content_field.h"

#include <gtest/gtest.h>

namespace hikyaku::mime {
namespace {

struct FieldCase {
  const char* name;
  std::string_view value, expected;
};
void PrintTo(const FieldCase& row, std::ostream* out) { *out << row.name; }
class ContentFieldTest : public testing::TestWithParam<FieldCase> {};

TEST_P(ContentFieldTest, IsRead) {
  const auto field = ContentField::parse(GetParam().value);
  auto told = field.word;
  for (const auto& parameter : field.parameters) told += "|" + parameter.name + "=" + parameter.value;
  EXPECT_EQ(told, GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    , ContentFieldTest,
    testing::Values(
        FieldCase{"plain", " text/plain; charset=utf-8", "text/plain|charset=utf-8"},
        FieldCase{"in_capitals", "TEXT/Plain; CHARSET=UTF-8", "text/plain|charset=UTF-8"},
        FieldCase{"blanks_around_all", " text / plain ;\r\n\tcharset = \"a b\" ; x=y",
                  "text/plain|charset=a b|x=y"},
        FieldCase{"comments", "text/plain (hi; there) ; charset=us-ascii (Plain (and) simple)",
                  "text/plain|charset=us-ascii"},
        FieldCase{"a_comment_that_is_not_closed", "text/plain; name=a(b; x=y", "text/plain|name=ab|x=y"},
        FieldCase{"quotes_within_quotes", "a/b; name=\"a\\\"b\\\\c\"; x=y", "a/b|name=a\"b\\c|x=y"},
        FieldCase{"a_path_of_windows", "a/b; name=\"c:\\dir\\x\"", "a/b|name=c:\\dir\\x"},
        FieldCase{"quotes_that_are_not_closed", "a/b; name=\"x; y=z", "a/b|name=x; y=z"},
        FieldCase{"a_value_with_blanks_and_no_quotes", "a/b; name=my file.txt; x=y",
                  "a/b|name=my file.txt|x=y"},
        FieldCase{"semicolons_for_nothing", "a/b;;; x=y;", "a/b|x=y"},
        FieldCase{"a_name_without_a_value", "a/b; x; y=", "a/b|x=|y="}, FieldCase{"nothing", "", ""}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ContentHeader, ReadsTheFirstOfEachField) {
  const auto header = ContentHeader::read(
      "content-type: multipart/mixed;\r\n boundary*0=\"a\";\r\n boundary*1=\"b \"\r\nContent-Type: "
      "text/html\r\n"
      "Content-Transfer-Encoding: BASE64 (of course)\r\nContent-Disposition: Attachment; filename=x\r\n");
  EXPECT_EQ(header.type.word, "multipart/mixed");
  EXPECT_EQ(header.boundary(), "ab");
  EXPECT_EQ(header.encoding, "base64");
  EXPECT_FALSE(header.identity());
  EXPECT_EQ(header.disposition.word, "attachment");
}

TEST(ContentHeader, ATypeWithoutASlashIsNone) {
  EXPECT_EQ(ContentHeader::read("Content-Type: text\r\n").type.word, "");
}

// What takes quadratic time with it runs into the limit of the whole program.
TEST(ContentField, ParenthesesThatNoneClosesAreReadOnce) {
  const auto field = ContentField::parse(std::string(512 * 1024, '(') + "text/plain; charset=utf-8");
  EXPECT_EQ(field.word, "text/plain");
}

}  // namespace
}  // namespace hikyaku::mime
