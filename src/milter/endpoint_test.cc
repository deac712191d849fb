#include "milter/endpoint.h"

#include <gtest/gtest.h>

namespace hikyaku::milter {
namespace {

struct Row {
  const char* name;
  std::string text;
  Endpoint expected;
};
class EndpointParse : public testing::TestWithParam<Row> {};

TEST_P(EndpointParse, ReadsAndPrintsBack) {
  const auto read = Endpoint::parse(GetParam().text);
  ASSERT_TRUE(read.has_value()) << read.error().text;
  EXPECT_EQ(*read, GetParam().expected);
  const auto again = Endpoint::parse(read->text());
  ASSERT_TRUE(again.has_value()) << again.error().text;
  EXPECT_EQ(*again, *read);
}

INSTANTIATE_TEST_SUITE_P(
    , EndpointParse,
    testing::Values(
        Row{"a_name_and_a_port", "inet:localhost:8891", {"", "localhost", "8891"}},
        Row{"an_ipv4_address", "inet:127.0.0.1:1", {"", "127.0.0.1", "1"}},
        Row{"brackets_go_off", "inet:[127.0.0.1]:65535", {"", "127.0.0.1", "65535"}},
        Row{"an_ipv6_address_in_brackets", "inet:[::1]:8891", {"", "::1", "8891"}},
        Row{"an_ipv6_address_without_brackets", "inet:::1:8891", {"", "::1", "8891"}},
        Row{"an_ipv6_address_as_in_mail", "inet:[ipv6:::1]:8891", {"", "::1", "8891"}},
        Row{"an_ipv6_address_as_in_mail_in_any_case", "inet:[IPv6:2001:db8::1]:1", {"", "2001:db8::1", "1"}},
        Row{"a_port_alone_is_of_this_host", "inet:8891", {"", "localhost", "8891"}},
        Row{"a_port_behind_a_colon_is_of_this_host", "inet::8891", {"", "localhost", "8891"}},
        Row{"a_port_by_name_alone", "inet:milter-in", {"", "localhost", "milter-in"}},
        Row{"a_port_by_name", "inet:mx.example:milter-in", {"", "mx.example", "milter-in"}},
        Row{"a_path", "unix:/run/a b:c", {"/run/a b:c", "", ""}},
        Row{"a_relative_path", "unix:private/filter", {"private/filter", "", ""}},
        Row{"sendmails_word_for_a_unix_socket", "local:/run/x", {"/run/x", "", ""}}),
    [](const auto& row) { return std::string(row.param.name); });

struct Wrong {
  const char* name;
  std::string text, says;
};
class EndpointRefuses : public testing::TestWithParam<Wrong> {};

TEST_P(EndpointRefuses, AndSaysWhy) {
  const auto read = Endpoint::parse(GetParam().text);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().fault, Fault::malformed);
  EXPECT_NE(read.error().text.find(GetParam().says), std::string::npos) << read.error().text;
}

INSTANTIATE_TEST_SUITE_P(
    , EndpointRefuses,
    testing::Values(Wrong{"nothing", "", "does not begin"}, Wrong{"no_transport", "/run/x", "does not begin"},
                    Wrong{"an_unknown_transport", "tcp:localhost:1", "neither inet nor unix"},
                    Wrong{"no_path", "unix:", "no path"},
                    Wrong{"a_path_too_long", "unix:/" + std::string(107, 'x'), "at most 107"},
                    Wrong{"nothing_behind_inet", "inet:", "no port"},
                    Wrong{"no_port", "inet:127.0.0.1:", "is no port"},
                    Wrong{"an_address_alone", "inet:127.0.0.1", "is no port"},
                    Wrong{"an_ipv6_address_alone", "inet:[::1]", "no port"},
                    Wrong{"empty_brackets", "inet:[]:25", "no host"},
                    Wrong{"a_bracket_that_is_not_closed", "inet:[::1:25", "no host"},
                    Wrong{"more_behind_the_bracket", "inet:[::1]x:25", "no host"},
                    Wrong{"port_zero", "inet:localhost:0", "is no port"},
                    Wrong{"a_port_too_large", "inet:localhost:65536", "is no port"},
                    Wrong{"an_ipv6_address_marked_without_brackets", "inet:ipv6:::1:25", "no IPv6 address"},
                    Wrong{"an_ipv4_address_marked_as_ipv6", "inet:[ipv6:127.0.0.1]:25", "no IPv6 address"},
                    Wrong{"two_ports", "inet:mx.example:25:26", "no IPv6 address"},
                    Wrong{"sendmails_order", "inet:8891@localhost", "is no port"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::milter
