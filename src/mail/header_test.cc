#include "mail/header.h"

#include <gtest/gtest.h>

#include <string>

namespace hikyaku::mail {
namespace {

struct EndCase {
  const char* name;
  std::string_view message;
  std::size_t header, body;
  bool separator_missing;
};

class HeaderEndCase : public testing::TestWithParam<EndCase> {};

TEST_P(HeaderEndCase, is_found) {
  const auto end = find_header_end(GetParam().message);
  EXPECT_EQ(end.header, GetParam().header);
  EXPECT_EQ(end.body, GetParam().body);
  EXPECT_EQ(end.separator_missing, GetParam().separator_missing);
}

INSTANTIATE_TEST_SUITE_P(, HeaderEndCase,
                         testing::Values(EndCase{"empty_line", "A: b\r\n\r\nbody\r\n", 6, 8, false},
                                         EndCase{"folded", "A: b\r\n c\r\n\r\n", 10, 12, false},
                                         EndCase{"no_header", "\r\nbody\r\n", 0, 2, false},
                                         EndCase{"no_body", "A: b\r\n", 6, 6, false},
                                         EndCase{"separator_forgotten", "A: b\r\nbody\r\n", 6, 6, true},
                                         EndCase{"body_only", "body\r\n", 0, 0, true},
                                         EndCase{"begins_with_a_fold", " a: b\r\n", 0, 0, true},
                                         EndCase{"mailbox_line", "From joe\r\nA: b\r\n\r\n", 16, 18, false},
                                         EndCase{"bare_lf", "A: b\n\nbody", 5, 6, false},
                                         EndCase{"empty", "", 0, 0, false}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(HeaderFieldsNext, gives_name_value_and_raw_octets) {
  HeaderFields fields("From joe\r\nSubject : a\r\n\tb\r\nX-Y:z\r\n");
  auto field = fields.next();
  ASSERT_TRUE(field);
  EXPECT_EQ(field->name, "");
  EXPECT_EQ(field->value, "From joe");
  field = fields.next();
  ASSERT_TRUE(field);
  EXPECT_EQ(field->name, "Subject");
  EXPECT_EQ(field->value, " a\r\n\tb");
  EXPECT_EQ(field->raw, "Subject : a\r\n\tb\r\n");
  EXPECT_EQ(field->text, "Subject : a\r\n\tb");
  field = fields.next();
  ASSERT_TRUE(field);
  EXPECT_EQ(field->name, "X-Y");
  EXPECT_EQ(field->value, "z");
  EXPECT_FALSE(fields.next());
}

TEST(ReadHeader, wants_a_name_and_a_colon) {
  EXPECT_TRUE(read_header("A: b"));
  EXPECT_FALSE(read_header("no header"));
  EXPECT_FALSE(read_header(": b"));
  EXPECT_FALSE(read_header("a b: c"));
}

TEST(HeaderKindOf, knows_names_in_any_case) {
  EXPECT_EQ(header_kind("FROM").role, HeaderRole::sender);
  EXPECT_EQ(header_kind("resent-reply-to").role, HeaderRole::recipient);
  EXPECT_EQ(header_kind("Reply-To").role, HeaderRole::sender);
  EXPECT_EQ(header_kind("Mail-Reply-To").role, HeaderRole::other);
  EXPECT_EQ(header_kind("apparently-to").role, HeaderRole::recipient);
  EXPECT_EQ(header_kind("To").name, HeaderName::to);
  EXPECT_EQ(header_kind("message-ID").canonical, "Message-Id");
  EXPECT_TRUE(header_kind("MIME-version").mime);
  EXPECT_EQ(header_kind("").name, HeaderName::other);
  EXPECT_EQ(header_kind("X-From").name, HeaderName::other);
}

}  // namespace
}  // namespace hikyaku::mail
