#include "greylist/spf_record.h"

#include <gtest/gtest.h>

#include <string>

namespace hikyaku::greylist {
namespace {

using Kind = SpfMechanism::Kind;

TEST(SpfRecord, HasItsTermsInOrderWithTheirPlaces) {
  const std::string text =
      "V=SPF1  +A  -mx:b.example/24//64 ?ip4:192.0.2.0/25 ~IP6:2001:db8::/32 exp=why.example "
      "include:c.example "
      "a:foo:bar/baz.example other=%{c} exists:%{i}.d.example ptr redirect=e.example all ";
  const auto record = SpfRecord::parse(text);
  ASSERT_TRUE(record.has_value()) << record.error().text;
  struct Row {
    Kind kind;
    SpfStatus result;
    std::string domain;
    int prefix4, prefix6;
  };
  const std::vector<Row> rows{
      {Kind::a, SpfStatus::pass, "", 32, 128},
      {Kind::mx, SpfStatus::fail, "b.example", 24, 64},
      {Kind::ip4, SpfStatus::neutral, "", 25, 128},
      {Kind::ip6, SpfStatus::softfail, "", 32, 32},
      {Kind::include, SpfStatus::pass, "c.example", 32, 128},
      {Kind::a, SpfStatus::pass, "foo:bar/baz.example", 32, 128},
      {Kind::exists, SpfStatus::pass, "%{i}.d.example", 32, 128},
      {Kind::ptr, SpfStatus::pass, "", 32, 128},
      {Kind::all, SpfStatus::pass, "", 32, 128},
  };
  ASSERT_EQ(record->mechanisms.size(), rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& got = record->mechanisms[i];
    EXPECT_EQ(got.kind, rows[i].kind) << i;
    EXPECT_EQ(got.result, rows[i].result) << i;
    EXPECT_EQ(got.domain, rows[i].domain) << i;
    EXPECT_EQ(got.prefix4, rows[i].prefix4) << i;
    EXPECT_EQ(got.prefix6, rows[i].prefix6) << i;
    EXPECT_EQ(text.substr(got.place, got.text.size()), got.text) << i;
  }
  EXPECT_EQ(record->mechanisms[1].text, "-mx:b.example/24//64");
  EXPECT_EQ(record->mechanisms[1].place, 12U);
  EXPECT_EQ(record->mechanisms[2].network.text(), "192.0.2.0");
  EXPECT_EQ(record->redirect.value().domain, "e.example");
  EXPECT_EQ(record->explanation.value().text, "exp=why.example");
}

TEST(SpfRecord, IsToldByItsVersion) {
  EXPECT_TRUE(SpfRecord::has_version("v=spf1"));
  EXPECT_TRUE(SpfRecord::has_version("V=sPf1 moo"));
  EXPECT_FALSE(SpfRecord::has_version("v=spf10"));
  EXPECT_FALSE(SpfRecord::has_version("v=spf1\tall"));
  EXPECT_FALSE(SpfRecord::has_version(" v=spf1"));
  EXPECT_FALSE(SpfRecord::has_version("v=spf"));
  EXPECT_FALSE(SpfRecord::parse("v=spf2 all").has_value());
}

TEST(SpfRecord, OfAnyOtherSizeThanTheLimitsIsRead) {
  std::string text = "v=spf1";
  while (text.size() + 14 <= SpfRecord::kLongest) text += " ip4:192.0.2.1";
  const auto count = (text.size() - 6) / 14;
  text.resize(SpfRecord::kLongest, ' ');
  ASSERT_TRUE(SpfRecord::parse(text).has_value());
  EXPECT_EQ(SpfRecord::parse(text)->mechanisms.size(), count);
  text += ' ';
  EXPECT_EQ(SpfRecord::parse(text).error().text, "it is longer than 16384 octets");
}

struct BadCase {
  const char* name;
  const char* term;
  const char* why;
};

class SpfRecordError : public testing::TestWithParam<BadCase> {};

TEST_P(SpfRecordError, NamesTheTermItsPlaceAndWhatIsWrong) {
  const auto& one = GetParam();
  // Anywhere: also behind what ends every evaluation.
  const auto record = SpfRecord::parse(std::string("v=spf1 all ") + one.term + " ");
  ASSERT_FALSE(record.has_value());
  EXPECT_EQ(record.error().fault, Fault::malformed);
  EXPECT_EQ(record.error().text, std::string("\"") + one.term + "\" at octet 12: " + one.why);
}

INSTANTIATE_TEST_SUITE_P(
    , SpfRecordError,
    testing::Values(
        BadCase{"word", "moo", "it is no mechanism"}, BadCase{"qualifier_alone", "-", "it is no mechanism"},
        BadCase{"two_qualifiers", "-+all", "it is no mechanism"},
        BadCase{"redirect_as_mechanism", "redirect:a.example", "it is no mechanism"},
        BadCase{"qualified_modifier", "-redirect=a.example", "the name of a modifier begins with a letter"},
        BadCase{"modifier_without_a_name", "=a", "it is no mechanism"},
        BadCase{"modifier_that_begins_with_a_digit", "1up=a", "the name of a modifier begins with a letter"},
        BadCase{"argument_of_all", "all:a.example", "nothing may follow \"all\""},
        BadCase{"include_without_a_domain", "include", "':' and a domain must follow its name"},
        BadCase{"include_of_nothing", "include:", "the domain is missing"},
        BadCase{"include_with_a_prefix", "include:a.example/24",
                "\"a.example/24\" ends in no dot and top-level domain"},
        BadCase{"exists_without_a_domain", "exists/24", "':' and a domain must follow its name"},
        BadCase{"ptr_with_a_prefix", "ptr/0", "':' and a domain must follow its name"},
        BadCase{"a_of_nothing", "a:", "the domain is missing"},
        BadCase{"a_and_two_IPv4_prefixes", "a/24/16",
                "only ':' and a domain, and prefixes, may follow its name"},
        BadCase{"a_and_too_long_a_prefix", "a/33", "the prefix must be a number from 0 to 32"},
        BadCase{"mx_and_too_long_an_IPv6_prefix", "mx//129", "the prefix must be a number from 0 to 128"},
        BadCase{"prefix_with_a_zero_in_front", "a/024", "the prefix must be a number from 0 to 32"},
        BadCase{"prefix_that_is_too_large_a_number", "a//99999999999",
                "the prefix must be a number from 0 to 128"},
        BadCase{"slash_without_a_number", "a/", "only ':' and a domain, and prefixes, may follow its name"},
        BadCase{"ip4_without_a_network", "ip4", "':' and an IPv4 network must follow its name"},
        BadCase{"ip4_with_a_short_address", "ip4:192.0.2", "it has not an IPv4 address"},
        BadCase{"ip4_with_zeros_in_front", "ip4:192.0.2.07", "it has not an IPv4 address"},
        BadCase{"ip4_with_an_IPv6_address", "ip4:2001:db8::", "it has not an IPv4 address"},
        BadCase{"ip4_with_two_prefixes", "ip4:192.0.2.1//32", "the prefix must be a number from 0 to 32"},
        BadCase{"ip4_with_an_empty_prefix", "ip4:192.0.2.1/", "the prefix must be a number from 0 to 32"},
        BadCase{"ip6_with_an_IPv4_address", "ip6:192.0.2.1", "it has not an IPv6 address"},
        BadCase{"ip6_with_a_zone", "ip6:fe80::1%eth0", "it has not an IPv6 address"},
        BadCase{"redirect_to_nothing", "redirect=", "the domain is missing"},
        BadCase{"exp_of_one_label", "exp=-all", "\"-all\" ends in no dot and top-level domain"},
        BadCase{"macro_in_an_unknown_modifier", "foo=%abc",
                "\"%a\" is no macro: write %% for a percent sign"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(SpfRecord, HasEachModifierOnce) {
  EXPECT_EQ(SpfRecord::parse("v=spf1 exp=a.example EXP=a.example").error().text,
            "\"EXP=a.example\" at octet 22: it is there twice");
  EXPECT_FALSE(SpfRecord::parse("v=spf1 redirect=a.example redirect=a.example").has_value());
  EXPECT_TRUE(SpfRecord::parse("v=spf1 other=a other=a").has_value());
}

TEST(SpfRecord, ShowsNoControlOctetsInItsErrors) {
  EXPECT_EQ(SpfRecord::parse(std::string_view("v=spf1 a:b\r\0.example", 20)).error().text,
            "\"a:b\\x0d\\x00.example\" at octet 8: \"\\x0d\" may not stand in an SPF record");
}

}  // namespace
}  // namespace hikyaku::greylist
