#include "mail/address.h"

#include <gtest/gtest.h>

#include <string>

namespace hikyaku::mail {
namespace {

struct ParseCase {
  const char* name;
  std::string_view external;
  std::string_view local, domain;
  std::string_view text;
};

class AddressParse : public testing::TestWithParam<ParseCase> {};

TEST_P(AddressParse, reads_and_prints) {
  const auto& row = GetParam();
  const auto address = Address::parse(row.external);
  ASSERT_TRUE(address) << address.error().text;
  EXPECT_EQ(address->local(), row.local);
  EXPECT_EQ(address->domain(), row.domain);
  EXPECT_EQ(address->text(), row.text);
  const auto again = Address::parse(address->text());
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, *address);
}

INSTANTIATE_TEST_SUITE_P(
    , AddressParse,
    testing::Values(
        ParseCase{"null_sender", "", "", "", ""},
        ParseCase{"plain", "joe@hub.test", "joe", "hub.test", "joe@hub.test"},
        ParseCase{"case_is_kept", "Joe@HUB.Test", "Joe", "HUB.Test", "Joe@HUB.Test"},
        ParseCase{"local_part_alone", "joe", "joe", "", "joe"},
        ParseCase{"quotes_are_dropped_inside", "\"joe q\"@a.example", "joe q", "a.example",
                  "\"joe q\"@a.example"},
        ParseCase{"needless_quotes_vanish", "\"joe\"@a.example", "joe", "a.example", "joe@a.example"},
        ParseCase{"quoted_at", "\"a@b\"@c.example", "a@b", "c.example", "\"a@b\"@c.example"},
        ParseCase{"escaped_quote", R"("a\"b"@c.example)", "a\"b", "c.example", R"("a\"b"@c.example)"},
        ParseCase{"bang_and_percent", "a!b%c@d.example", "a!b%c", "d.example", "a!b%c@d.example"},
        ParseCase{"literal", "joe@[192.0.2.1]", "joe", "[192.0.2.1]", "joe@[192.0.2.1]"},
        ParseCase{"literal_of_ipv6", "joe@[IPv6:2001:db8::1]", "joe", "[IPv6:2001:db8::1]",
                  "joe@[IPv6:2001:db8::1]"},
        ParseCase{"utf8", "jöe@hüb.test", "jöe", "hüb.test", "jöe@hüb.test"},
        ParseCase{"empty_domain", "bob@", "bob", "", "bob@"},
        ParseCase{"empty_quoted_local_part", "\"\"@a.example", "", "a.example", "\"\"@a.example"}),
    [](const auto& row) { return std::string(row.param.name); });

struct RefusedCase {
  const char* name;
  std::string_view external;
  std::string_view says;
};

class AddressRefused : public testing::TestWithParam<RefusedCase> {};

TEST_P(AddressRefused, names_the_octet) {
  const auto address = Address::parse(GetParam().external);
  ASSERT_FALSE(address);
  EXPECT_EQ(address.error().fault, Fault::malformed);
  EXPECT_NE(address.error().text.find(GetParam().says), std::string::npos) << address.error().text;
}

INSTANTIATE_TEST_SUITE_P(, AddressRefused,
                         testing::Values(RefusedCase{"no_local_part", "@a.example", "octet 1"},
                                         RefusedCase{"space", "joe q@a.example", "octet 4"},
                                         RefusedCase{"two_ats", "a@b@c.example", "octet 4"},
                                         RefusedCase{"two_dots", "a..b@c.example",
                                                     "two dots together at octet 2"},
                                         RefusedCase{"leading_dot", ".a@c.example", "octet 1"},
                                         RefusedCase{"trailing_dot", "a.@c.example", "octet 2"},
                                         RefusedCase{"open_quote", "\"a@c.example", "quote not closed"},
                                         RefusedCase{"text_after_quote", "\"a\"b@c.example", "octet 4"},
                                         RefusedCase{"angle", "a<b@c.example", "octet 2"},
                                         RefusedCase{"open_literal", "a@[192.0.2.1", "literal not closed"},
                                         RefusedCase{"line_end", "a\r\n@c.example", "octet 2"},
                                         RefusedCase{"cut_utf8", "\xC3", "no UTF-8"},
                                         RefusedCase{"overlong_utf8", "\xC0\xAF@c.example", "no UTF-8"},
                                         RefusedCase{"nul", std::string_view("a\0b@c", 5), "octet 2"}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(AddressFromInternal, splits_at_the_last_at) {
  const auto address = Address::from_internal("a@b@c.example");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->local(), "a@b");
  EXPECT_EQ(address->domain(), "c.example");
  EXPECT_EQ(address->internal(), "a@b@c.example");
}

TEST(AddressFromInternal, refuses_line_ends) {
  EXPECT_FALSE(Address::from_internal("a\nb@c"));
  EXPECT_FALSE(Address::from_internal(std::string_view("a\0b", 3)));
}

}  // namespace
}  // namespace hikyaku::mail
