#include "route/next_hop.h"

#include <gtest/gtest.h>

#include <string>

namespace hikyaku::route {
namespace {

struct HopCase {
  const char* name;
  std::string text;
  std::string printed;  // empty: malformed
  NextHop::Protocol protocol = NextHop::Protocol::smtp;
};
constexpr auto kLmtp = NextHop::Protocol::lmtp;

class NextHopParse : public testing::TestWithParam<HopCase> {};

TEST_P(NextHopParse, prints_back) {
  const auto& row = GetParam();
  const auto hop = NextHop::parse(row.text, row.protocol);
  ASSERT_EQ(hop.has_value(), !row.printed.empty()) << (hop ? hop->text() : hop.error().text);
  if (!hop) return;
  EXPECT_EQ(hop->text(), row.printed);
  EXPECT_EQ(*NextHop::parse(hop->text(), row.protocol), *hop);
}

INSTANTIATE_TEST_SUITE_P(
    , NextHopParse,
    testing::Values(HopCase{"domain", "example.com", "example.com"},
                    HopCase{"domain_with_port", "example.com:587", "example.com:587"},
                    HopCase{"host", "[mail.example.com]", "[mail.example.com]"},
                    HopCase{"host_with_port", "[mail.example.com]:2525", "[mail.example.com]:2525"},
                    HopCase{"named_port", "[mail.example.com]:submission", "[mail.example.com]:587"},
                    HopCase{"address", "[192.0.2.1]:25", "[192.0.2.1]:25"},
                    HopCase{"bare_address", "192.0.2.1", "[192.0.2.1]"},
                    HopCase{"ipv6", "[2001:db8::1]", "[ipv6:2001:db8::1]"},
                    HopCase{"tagged_ipv6", "[IPv6:2001:DB8::1]:26", "[ipv6:2001:db8::1]:26"},
                    HopCase{"trailing_dot", "example.com.", "example.com"}, HopCase{"empty", "", ""},
                    HopCase{"empty_brackets", "[]", ""}, HopCase{"unclosed", "[mail.example.com", ""},
                    HopCase{"junk_behind", "[mail.example.com]x", ""}, HopCase{"port_0", "a.test:0", ""},
                    HopCase{"port_too_large", "a.test:65536", ""}, HopCase{"port_missing", "a.test:", ""},
                    HopCase{"unknown_service", "a.test:http", ""},
                    HopCase{"transport_before_it", "smtp:[192.0.2.1]:25", ""},
                    HopCase{"blank_inside", "a .test", ""},
                    HopCase{"tag_without_address", "[ipv6:a.test]", ""},
                    HopCase{"lmtp_host", "mail.example.com:24", "[mail.example.com]:24", kLmtp},
                    HopCase{"lmtp_inet", "inet:127.0.0.1:24", "[127.0.0.1]:24", kLmtp},
                    HopCase{"lmtp_unix", "unix:/run/dovecot/lmtp", "unix:/run/dovecot/lmtp", kLmtp},
                    HopCase{"unix_without_path", "unix:", "", kLmtp},
                    HopCase{"unix_is_not_for_smtp", "unix:/run/x", ""}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(NextHopParseList, SplitsAtCommasAndBlanks) {
  const auto hops = NextHop::parse_list("[a.test]:25,  b.test\tc.test,");
  ASSERT_TRUE(hops);
  ASSERT_EQ(hops->size(), 3U);
  EXPECT_EQ((*hops)[1].text(), "b.test");
  EXPECT_TRUE(NextHop::parse_list(" ")->empty());
  EXPECT_FALSE(NextHop::parse_list("a.test b:c:d"));
}

TEST(NextHopLimit, IsKept) {
  EXPECT_FALSE(NextHop::parse(std::string(1025, 'a')));
  std::string many;
  for (int i = 0; i < 101; ++i) many += "a.test ";
  EXPECT_FALSE(NextHop::parse_list(many));
}

}  // namespace
}  // namespace hikyaku::route
