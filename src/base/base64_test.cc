#include "base/base64.h"

#include <gtest/gtest.h>

namespace hikyaku {
namespace {

struct Base64Case {
  const char* name;
  std::string_view octets;
  std::string_view text;
};
void PrintTo(const Base64Case& row, std::ostream* out) { *out << row.name; }
class Base64 : public testing::TestWithParam<Base64Case> {};

TEST_P(Base64, GoesThereAndBack) {
  EXPECT_EQ(base64_encode(GetParam().octets), GetParam().text);
  const auto back = base64_decode(GetParam().text);
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(*back, GetParam().octets);
}

using namespace std::string_view_literals;
INSTANTIATE_TEST_SUITE_P(, Base64,
                         testing::Values(Base64Case{"nothing", ""sv, ""sv},
                                         Base64Case{"one_octet", "f"sv, "Zg=="sv},
                                         Base64Case{"two_octets", "fo"sv, "Zm8="sv},
                                         Base64Case{"three_octets", "foo"sv, "Zm9v"sv},
                                         Base64Case{"six_octets", "foobar"sv, "Zm9vYmFy"sv},
                                         Base64Case{"the_login_prompts", "Username:"sv, "VXNlcm5hbWU6"sv},
                                         Base64Case{"nul_octets", "username\0username\0password"sv,
                                                    "dXNlcm5hbWUAdXNlcm5hbWUAcGFzc3dvcmQ="sv},
                                         Base64Case{"all_bits", "\xff\xfe\xfd\x00"sv, "//79AA=="sv}),
                         [](const auto& row) { return std::string(row.param.name); });

struct BadBase64Case {
  const char* name;
  std::string_view text;
  std::size_t offset;
};
void PrintTo(const BadBase64Case& row, std::ostream* out) { *out << row.name; }
class BadBase64 : public testing::TestWithParam<BadBase64Case> {};

TEST_P(BadBase64, IsRefusedWithTheOffset) {
  const auto back = base64_decode(GetParam().text);
  ASSERT_FALSE(back.has_value());
  EXPECT_EQ(back.error(), GetParam().offset);
}

INSTANTIATE_TEST_SUITE_P(
    , BadBase64,
    testing::Values(BadBase64Case{"padding_missing", "Zg", 2}, BadBase64Case{"half_the_padding", "Zg=", 2},
                    BadBase64Case{"padding_alone", "====", 0}, BadBase64Case{"one_digit", "Z===", 1},
                    BadBase64Case{"octets_behind_the_padding", "Zg==Zg==", 4},
                    BadBase64Case{"padding_in_the_middle", "Zg=a", 3},
                    BadBase64Case{"blank_inside", "Zm 9v", 2},
                    BadBase64Case{"line_end_behind", "Zm9v\r\n", 4},
                    BadBase64Case{"unused_bits_set", "Zh==", 1},
                    BadBase64Case{"unused_bits_set_in_three", "Zm9=", 2},
                    BadBase64Case{"url_alphabet", "__79", 0}, BadBase64Case{"nul", "Zm\0v"sv, 2},
                    BadBase64Case{"octet_over_127",
                                  "Zm\xff"
                                  "v",
                                  2}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku
