#include "mime/header_edit.h"

#include <gtest/gtest.h>

namespace hikyaku::mime {
namespace {

TEST(WithField, ReplacesTheFirstOfItsName) {
  EXPECT_EQ(with_field("A: 1\r\nB: 2\r\n 3\r\nb: 4\r\nC: 5\r\n", "b", "B: x", "\r\n"),
            "A: 1\r\nB: x\r\nb: 4\r\nC: 5\r\n");
}
TEST(WithField, AddsOneBehindTheOthers) { EXPECT_EQ(with_field("A: 1", "B", "B: x", "\n"), "A: 1\nB: x\n"); }
TEST(WithField, AddsOneToNothing) { EXPECT_EQ(with_field("", "B", "B: x", "\n"), "B: x\n"); }

TEST(ContentTypeWith, KeepsTheOtherParameters) {
  EXPECT_EQ(content_type_with("content-type: TEXT/Html; a=b; Charset=\"x\"\r\n", "charset", "utf-8"),
            "Content-Type: text/html; a=b; charset=utf-8");
  EXPECT_EQ(content_type_with("Content-Type: multipart/mixed\r\n", "boundary", "a b"),
            "Content-Type: multipart/mixed; boundary=\"a b\"");
}
TEST(ContentTypeWith, IsTextWhereNothingIsSaid) {
  EXPECT_EQ(content_type_with("A: b\r\n", "charset", "utf-8"), "Content-Type: text/plain; charset=utf-8");
  EXPECT_EQ(content_type_with("Content-Type: text\r\n", "charset", "utf-8"),
            "Content-Type: text/plain; charset=utf-8");
}

}  // namespace
}  // namespace hikyaku::mime
