#include "probe/protocol.h"

#include <gtest/gtest.h>

namespace hikyaku::probe {
namespace {

TEST(Protocols, are_found_in_any_case) {
  ASSERT_NE(find_protocol("SMTPS"), nullptr);
  EXPECT_EQ(find_protocol("SMTPS")->port, 465);
  EXPECT_TRUE(find_protocol("smtps")->tls_at_once);
  EXPECT_EQ(find_protocol("gopher"), nullptr);
  EXPECT_EQ(find_protocol(""), nullptr);
}

struct PlaceCase {
  const char* name;
  const char* text;
  const char* read;  ///< "host port path"; empty: refused
};

class Places : public testing::TestWithParam<PlaceCase> {};

TEST_P(Places, are_read) {
  const auto place = Place::parse(GetParam().text);
  const std::string read =
      place ? place->host + ' ' + std::to_string(place->port.value_or(0)) + ' ' + place->path : "";
  EXPECT_EQ(read, GetParam().read);
}

INSTANTIATE_TEST_SUITE_P(
    , Places,
    testing::Values(PlaceCase{"a_host", "mx.example.com", "mx.example.com 0 "},
                    PlaceCase{"a_host_and_a_port", "mx.example.com:2525", "mx.example.com 2525 "},
                    PlaceCase{"an_address_in_brackets", "[2001:db8::1]:25", "2001:db8::1 25 "},
                    PlaceCase{"brackets_alone", "[2001:db8::1]", "2001:db8::1 0 "},
                    PlaceCase{"an_address_without_brackets", "2001:db8::1", "2001:db8::1 0 "},
                    PlaceCase{"a_path", "unix:/run/lmtp", " 0 /run/lmtp"}, PlaceCase{"no_path", "unix:", ""},
                    PlaceCase{"nothing", "", ""}, PlaceCase{"no_host", ":25", ""},
                    PlaceCase{"port_zero", "a:0", ""}, PlaceCase{"port_too_large", "a:65536", ""},
                    PlaceCase{"port_of_letters", "a:smtp", ""},
                    PlaceCase{"no_port_behind_the_colon", "a:", ""},
                    PlaceCase{"no_end_of_brackets", "[::1", ""},
                    PlaceCase{"something_behind_the_brackets", "[::1]25", ""}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::probe
