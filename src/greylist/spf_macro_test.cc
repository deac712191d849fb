#include "greylist/spf_macro.h"

#include <gtest/gtest.h>

#include <string>

namespace hikyaku::greylist {
namespace {

/// The example of RFC 7208 s. 7.4.
SpfMacroValues example_values() {
  return {.local_part = "strong-bad",
          .sender_domain = "email.example.com",
          .domain = "email.example.com",
          .client = table::Ip::parse("192.0.2.3").value(),
          .helo = "helo.example",
          .validated = "mx.example.org",
          .receiver = "",
          .time = Time(std::chrono::seconds(1'800'000'000))};
}

struct DomainCase {
  const char* name;
  const char* spec;
  const char* expanded;
};

class SpfDomain : public testing::TestWithParam<DomainCase> {};

TEST_P(SpfDomain, ExpandsAsTheTableSays) {
  const auto& one = GetParam();
  const auto checked = check_spf_domain(one.spec);
  ASSERT_TRUE(checked.has_value()) << checked.error().text;
  EXPECT_EQ(expand_spf_domain(one.spec, example_values()), one.expanded);
}

INSTANTIATE_TEST_SUITE_P(
    , SpfDomain,
    testing::Values(
        DomainCase{"sender", "%{s}", "strong-bad@email.example.com"},
        DomainCase{"domain_of_the_sender", "%{o}", "email.example.com"},
        DomainCase{"last_four_of_three_parts", "%{d4}", "email.example.com"},
        DomainCase{"last_part", "%{d1}", "com"},
        DomainCase{"more_parts_than_a_number_holds", "%{d99999999999999999999}", "email.example.com"},
        DomainCase{"reversed", "%{dr}", "com.example.email"},
        DomainCase{"reversed_in_upper_case", "%{dR}", "com.example.email"},
        DomainCase{"reversed_and_the_last_two", "%{d2r}", "example.email"},
        DomainCase{"local_part_split_at_dashes", "%{l-}", "strong.bad"},
        DomainCase{"local_part_not_split_at_dashes", "%{lr}", "strong-bad"},
        DomainCase{"local_part_split_and_reversed", "%{lr-}", "bad.strong"},
        DomainCase{"local_part_split_and_cut", "%{l1r-}", "strong"},
        DomainCase{"reversed_address", "%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
        DomainCase{"literal_between_macros", "%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
        DomainCase{"constant_top_level_domain", "%{d2}.trusted-domains.example.net",
                   "example.com.trusted-domains.example.net"},
        DomainCase{"validated_name", "%{p2}.example.net", "example.org.example.net"},
        DomainCase{"url_escaped", "%{S}", "strong-bad%40email.example.com"},
        DomainCase{"escapes", "a%%b%_c%-.example", "a%b c%20.example"},
        DomainCase{"last_dot_is_cut_off", "a.example.", "a.example"},
        DomainCase{"top_label_with_dashes_and_digits", "a.xn--1-a1", "a.xn--1-a1"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(SpfDomainName, ExpandsAnIPv6ClientToNibbles) {
  auto values = example_values();
  values.client = table::Ip::parse("2001:db8::cb01").value();
  EXPECT_EQ(expand_spf_domain("%{ir}.%{v}._spf.%{d2}", values),
            "1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6._spf.example.com");
}

TEST(SpfDomainName, LosesLabelsOnTheLeftWhereItIsTooLong) {
  auto values = example_values();
  const auto long_domain = std::string(60, 'a') + "." + std::string(60, 'b') + "." + std::string(60, 'c') +
                           "." + std::string(60, 'd') + ".example";
  values.domain = long_domain;
  // 252 octets stay as they are; eight more are too many.
  EXPECT_EQ(expand_spf_domain("%{d}", values), long_domain);
  EXPECT_EQ(expand_spf_domain("%{d}.longer", values), long_domain.substr(61) + ".longer");
  const auto one_label = std::string(300, 'x');
  values.domain = one_label;
  EXPECT_EQ(expand_spf_domain("%{d}", values), "");
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "%{o}.";
  EXPECT_LE(expand_spf_domain(many + "example", values).size(), 253U);
}

struct BadCase {
  const char* name;
  const char* text;
  const char* why;
};

class SpfDomainError : public testing::TestWithParam<BadCase> {};

TEST_P(SpfDomainError, IsTold) {
  const auto checked = check_spf_domain(GetParam().text);
  ASSERT_FALSE(checked.has_value());
  EXPECT_EQ(checked.error().fault, Fault::malformed);
  EXPECT_EQ(checked.error().text, GetParam().why);
}

INSTANTIATE_TEST_SUITE_P(
    , SpfDomainError,
    testing::Values(
        BadCase{"empty", "", "the domain is missing"},
        BadCase{"one_label", "museum", "\"museum\" ends in no dot and top-level domain"},
        BadCase{"address", "192.0.2.1", "\"192.0.2.1\" is an address: write ip4: or ip6:"},
        BadCase{"numeric_top_label", "abc.123", "\"abc.123\" ends in no dot and top-level domain"},
        BadCase{"dash_at_the_end", "a.com-", "\"a.com-\" ends in no dot and top-level domain"},
        BadCase{"two_dots_at_the_end", "a.example..", "\"a.example..\" ends in no dot and top-level domain"},
        BadCase{"dot_behind_a_macro", "%{d}.", "\"%{d}.\" ends in no dot and top-level domain"},
        BadCase{"space", "a b.example", "\" \" may not stand in an SPF record"},
        BadCase{"octet_over_127", "a\x80.example", "\"\\x80\" may not stand in an SPF record"},
        BadCase{"percent_sign", "100%.example", "\"%.\" is no macro: write %% for a percent sign"},
        BadCase{"percent_sign_at_the_end", "a.example%", "\"%\" is no macro: write %% for a percent sign"},
        BadCase{"open_macro", "%{d.example", "\"%{d.example\" is not closed by a '}'"},
        BadCase{"no_letter", "%{}", "\"\" begins with no macro letter"},
        BadCase{"letter_that_is_no_macro", "%{a}", "\"a\" is no macro"},
        BadCase{"letter_of_explanations", "%{R}.example", "\"R\" is a macro of explanations alone"},
        BadCase{"no_parts", "%{d0}", "\"d0\" keeps no part of its value"},
        BadCase{"unknown_delimiter", "%{d:}",
                "\"d:\" has something else than digits, r and delimiters behind its letter"},
        BadCase{"digits_behind_the_r", "%{dr2}",
                "\"dr2\" has something else than digits, r and delimiters behind its letter"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(SpfExplanation, HasLettersOfItsOwnAndSpaces) {
  const std::string_view text = "%{c} at %{t} by %{R}";
  EXPECT_TRUE(check_spf_macros(text, SpfMacroUse::explanation).has_value());
  EXPECT_FALSE(check_spf_macros("%{c}", SpfMacroUse::term).has_value());
  EXPECT_FALSE(check_spf_macros("a b", SpfMacroUse::term).has_value());
  EXPECT_EQ(expand_spf_explanation(text, example_values()), "192.0.2.3 at 1800000000 by unknown");
}

TEST(SpfExplanation, IsPrintableAndBounded) {
  auto values = example_values();
  values.local_part = "a\r\n\xc3\xbc";
  EXPECT_EQ(expand_spf_explanation("[%{l}]", values), "[a????]");
  EXPECT_EQ(expand_spf_explanation("%{L}", values), "a%0D%0A%C3%BC");
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "%{s}";
  EXPECT_EQ(expand_spf_explanation(many, values).size(), kLongestExplanation);
}

TEST(SpfMacros, SayWhetherTheyNeedTheValidatedName) {
  EXPECT_TRUE(uses_spf_macro("a.%{P2r-}.example", 'p'));
  EXPECT_FALSE(uses_spf_macro("%%{p}.p.%{d}", 'p'));
}

}  // namespace
}  // namespace hikyaku::greylist
