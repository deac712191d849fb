#include "probe/proxy_header.h"

#include <gtest/gtest.h>

namespace hikyaku::probe {
namespace {

using namespace std::string_literals;

struct ProxyCase {
  const char* name;
  ProxyHeader header;
  std::string octets;  ///< empty: refused
};

class ProxyHeaders : public testing::TestWithParam<ProxyCase> {};
TEST_P(ProxyHeaders, AreMade) {
  const auto made = proxy_header(GetParam().header);
  EXPECT_EQ(made.has_value() ? *made : "", GetParam().octets);
}

const std::string kStart = "\r\n\r\n\0\r\nQUIT\n"s;

INSTANTIATE_TEST_SUITE_P(
    , ProxyHeaders,
    testing::Values(
        ProxyCase{"version_1",
                  {1, "TCP4", "", "", "1.2.3.4", "11", "5.6.7.8", "25"},
                  "PROXY TCP4 1.2.3.4 5.6.7.8 11 25\r\n"},
        ProxyCase{"version_1_takes_nonsense_in_its_parts",
                  {1, "TCP6", "", "", "x", "y", "z", ""},
                  "PROXY TCP6 x z y \r\n"},
        ProxyCase{
            "version_1_knows_its_families", {1, "AF_INET", "", "", "1.2.3.4", "11", "5.6.7.8", "25"}, ""},
        ProxyCase{"ipv4",
                  {2, "AF_INET", "STREAM", "PROXY", "1.2.3.4", "11", "5.6.7.8", "65535"},
                  kStart + "\x21\x11\0\x0c\1\2\3\4\5\6\7\x08\0\x0b\xff\xff"s},
        ProxyCase{"ipv6",
                  {2, "AF_INET6", "DGRAM", "PROXY", "::1", "1", "::2", "2"},
                  kStart + "\x21\x22\0\x24"s + std::string(15, '\0') + "\1" + std::string(15, '\0') + "\2" +
                      "\0\1\0\2"s},
        ProxyCase{"a_path_fills_its_place",
                  {2, "AF_UNIX", "STREAM", "PROXY", "/a", "", "/b", ""},
                  kStart + "\x21\x31\0\xd8/a"s + std::string(106, '\0') + "/b" + std::string(106, '\0')},
        ProxyCase{"no_family_has_no_addresses",
                  {2, "AF_UNSPEC", "UNSPEC", "PROXY", "x", "", "y", ""},
                  kStart + "\x21\0\0\0"s},
        ProxyCase{"local_says_nothing_more",
                  {2, "AF_INET", "STREAM", "LOCAL", "1.2.3.4", "11", "5.6.7.8", "25"},
                  kStart + "\x20\0\0\0"s},
        ProxyCase{"an_address_of_the_other_family",
                  {2, "AF_INET", "STREAM", "PROXY", "::1", "11", "5.6.7.8", "25"},
                  ""},
        ProxyCase{
            "a_port_too_high", {2, "AF_INET", "STREAM", "PROXY", "1.2.3.4", "11", "5.6.7.8", "65536"}, ""},
        ProxyCase{
            "a_port_that_is_none", {2, "AF_INET", "STREAM", "PROXY", "1.2.3.4", "smtp", "5.6.7.8", "25"}, ""},
        ProxyCase{
            "an_unknown_protocol", {2, "AF_INET", "SCTP", "PROXY", "1.2.3.4", "1", "5.6.7.8", "25"}, ""},
        ProxyCase{
            "an_unknown_command", {2, "AF_INET", "STREAM", "TELL", "1.2.3.4", "1", "5.6.7.8", "25"}, ""},
        ProxyCase{
            "a_path_too_long", {2, "AF_UNIX", "STREAM", "PROXY", std::string(109, 'a'), "", "/b", ""}, ""}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::probe
