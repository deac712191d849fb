#include "probe/ldap.h"

#include <gtest/gtest.h>

#include "probe/ber.h"
#include "probe/ldap_filter.h"

namespace hikyaku::probe {
namespace {

std::string hex(std::string_view octets) {
  std::string out;
  for (const char c : octets) {
    out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    out += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

std::string octets(std::string_view digits) {
  std::string out;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  return out;
}

TEST(Ldap, requests_are_ber) {
  EXPECT_EQ(hex(ldap_unbind(3)), "30050201034200");
  EXPECT_EQ(hex(ldap_bind(1, "cn=a", "b")),
            "3011020101600c020103"
            "0404636e3d61"
            "800162");
  EXPECT_EQ(hex(ldap_start_tls(1)),
            "301d02010177188016"
            "312e332e362e312e342e312e313436362e3230303337");
  EXPECT_EQ(hex(ldap_unbind(300)), "30060202012c4200");
  EXPECT_EQ(hex(ldap_unbind(200)), "3006020200c84200");
}

struct FilterCase {
  const char* name;
  const char *text, *ber;  ///< in hexadecimal digits; empty: refused
};

class LdapFilters : public testing::TestWithParam<FilterCase> {};

TEST_P(LdapFilters, are_read) {
  const auto filter = ldap_filter(GetParam().text);
  EXPECT_EQ(filter ? hex(*filter) : "", GetParam().ber);
}

INSTANTIATE_TEST_SUITE_P(
    , LdapFilters,
    testing::Values(FilterCase{"equal", "(a=b)", "a306040161040162"},
                    FilterCase{"present", "(a=*)", "870161"},
                    FilterCase{"both", "(&(a=b)(c=*))", "a00ba306040161040162870163"},
                    FilterCase{"not", "(!(a=*))", "a203870161"},
                    FilterCase{"begins", "(a=b*)", "a4080401613003800162"},
                    FilterCase{"within_and_ends", "(a=*b*c)", "a40b0401613006810162820163"},
                    FilterCase{"at_least", "(a>=1)", "a506040161040131"},
                    FilterCase{"an_octet", "(a=\\2a)", "a30604016104012a"}, FilterCase{"nothing", "", ""},
                    FilterCase{"no_brackets", "a=b", ""}, FilterCase{"no_end", "(a=b", ""},
                    FilterCase{"something_behind", "(a=b))", ""}, FilterCase{"no_name", "(=b)", ""},
                    FilterCase{"half_an_octet", "(a=\\2)", ""}, FilterCase{"extensible", "(a:=b)", ""}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Ldap, tells_which_answer_a_request_waits_for) {
  EXPECT_EQ(ldap_awaited(ldap_who_am_i(7)), 7U);
  EXPECT_EQ(ldap_awaited(ldap_bind(1, "", "") + ldap_who_am_i(2)), 2U);
  EXPECT_EQ(ldap_awaited(ldap_unbind(3)), std::nullopt);
  EXPECT_EQ(ldap_awaited(std::string("\x30\x06\x02\x01\x04\x50\x01\x03", 8)), std::nullopt);  // abandon
  EXPECT_EQ(ldap_awaited(ldap_who_am_i(7).substr(0, 9)), std::nullopt);
  EXPECT_EQ(ldap_awaited("GET /"), std::nullopt);
}

TEST(LdapFilter, is_not_too_deep) {
  std::string text = "(a=*)";
  for (int i = 0; i < 20; ++i) text = "(!" + text + ")";
  EXPECT_TRUE(ldap_filter(text).has_value());
  EXPECT_FALSE(ldap_filter("(!" + text + ")").has_value());
}

struct MessageCase {
  const char* name;
  const char* octets;
  const char* read;  ///< "number name code lines…"; "-": malformed; empty: more must come
};

class LdapMessages : public testing::TestWithParam<MessageCase> {};

TEST_P(LdapMessages, are_read) {
  auto input = octets(GetParam().octets);
  const auto message = take_ldap_message(input);
  std::string read = message ? "" : "-";
  if (message && *message) {
    read =
        std::to_string((*message)->number) + ' ' + (*message)->name + ' ' + std::to_string((*message)->code);
    for (const auto& line : (*message)->lines) read += '|' + line;
    EXPECT_TRUE(input.empty());
  }
  EXPECT_EQ(read, GetParam().read);
}

INSTANTIATE_TEST_SUITE_P(
    , LdapMessages,
    testing::Values(MessageCase{"bound", "300c02010161070a010004000400", "1 bindResponse 0"},
                    MessageCase{"not_bound", "300e02010161090a0131040004026e6f", "1 bindResponse 49|no"},
                    MessageCase{"an_entry_whose_lengths_disagree",
                                "3015020102641004036f3d61300930070402636e"
                                "3101"
                                "0400",
                                "-"},
                    MessageCase{"an_entry_with_an_empty_value",
                                "30150201026410"
                                "04036f3d61"
                                "3009"
                                "3007"
                                "040161"
                                "3102"
                                "0400",
                                "2 searchResEntry -1|dn: o=a|a: "},
                    MessageCase{"a_whole_entry",
                                "30160201026411"
                                "04036f3d61"
                                "300a"
                                "3008"
                                "040161"
                                "3103"
                                "040162",
                                "2 searchResEntry -1|dn: o=a|a: b"},
                    MessageCase{"half_of_it", "300c02010161070a01", ""}, MessageCase{"nothing", "", ""},
                    MessageCase{"endless_length", "3080", "-"}, MessageCase{"too_long", "308440000000", "-"},
                    MessageCase{"text", "323230206869", "-"},
                    MessageCase{"a_length_that_lies", "300c02010161080a010004000400", "-"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::probe
