#include "mail/address_list.h"

#include <gtest/gtest.h>

#include <string>

namespace hikyaku::mail {
namespace {

struct ListCase {
  const char* name;
  std::string_view value;
  std::string_view addresses;  // internal forms, each followed by '|'
  std::string_view header;     // "To: ..." regenerated
};

class AddressListParse : public testing::TestWithParam<ListCase> {};

TEST_P(AddressListParse, finds_the_addresses_and_keeps_the_rest) {
  const auto& row = GetParam();
  const auto list = AddressList::parse(row.value);
  std::string addresses;
  for (std::size_t i = 0; i < list.size(); ++i) addresses += list.internal(i) + "|";
  EXPECT_EQ(addresses, row.addresses);
  const auto header = fold_address_header("To", list.text());
  EXPECT_EQ(header, row.header);
  const auto again = AddressList::parse(std::string_view(header).substr(3));
  EXPECT_EQ(fold_address_header("To", again.text()), header);
}

INSTANTIATE_TEST_SUITE_P(
    , AddressListParse,
    testing::Values(
        ListCase{"bare", " a@x.example", "a@x.example|", "To: a@x.example"},
        ListCase{"phrase", " Joe User <a@x.example>", "a@x.example|", "To: Joe User <a@x.example>"},
        ListCase{"dots_in_a_phrase_lose_their_space", " Joe Q. User <a@x.example>", "a@x.example|",
                 "To: Joe Q.User <a@x.example>"},
        ListCase{"quoted_phrase", " \"User,  Joe\"   <a@x.example>", "a@x.example|",
                 "To: \"User,  Joe\" <a@x.example>"},
        ListCase{"comment_follows", " a@x.example (the boss)", "a@x.example|", "To: a@x.example (the boss)"},
        ListCase{"comment_inside_moves_behind", " a@(here)x.example", "a@x.example|",
                 "To: a@x.example (here)"},
        ListCase{"comment_before_angle", " Joe (x) <a@x.example>", "a@x.example|",
                 "To: Joe (x) <a@x.example>"},
        ListCase{"nested_comment_with_escape", " a@x.example (a (b\\) c))", "a@x.example|",
                 "To: a@x.example (a (b\\) c))"},
        ListCase{"two", " a@x.example,b@x.example", "a@x.example|b@x.example|",
                 "To: a@x.example, b@x.example"},
        ListCase{"forgotten_comma", " a@x.example b@x.example", "a@x.example|b@x.example|",
                 "To: a@x.example, b@x.example"},
        ListCase{"words_alone_are_addresses", " Joe User", "Joe|User|", "To: Joe, User"},
        ListCase{"forgotten_comma_after_angle", " <a@x.example> b@x.example", "a@x.example|b@x.example|",
                 "To: <a@x.example>, b@x.example"},
        ListCase{"group", " Team: a@x.example, Ann <b@x.example>;, c@x.example",
                 "a@x.example|b@x.example|c@x.example|",
                 "To: Team: a@x.example, Ann <b@x.example>;, c@x.example"},
        ListCase{"empty_group", " undisclosed-recipients:;", "", "To: undisclosed-recipients: ;"},
        ListCase{"semicolon_for_comma", " a@x.example; b@x.example", "a@x.example|b@x.example|",
                 "To: a@x.example;, b@x.example"},
        ListCase{"route", " Joe <@a.example,@b.example:c@d.example>", "@a.example,@b.example:c@d.example|",
                 "To: Joe <@a.example,@b.example:c@d.example>"},
        ListCase{"null", " <>", "", "To: <>"},
        ListCase{"quoted_local_part", " \"joe q\"@x.example", "joe q@x.example|", "To: \"joe q\"@x.example"},
        ListCase{"literal", " a@[192.0.2.1]", "a@[192.0.2.1]|", "To: a@[192.0.2.1]"},
        ListCase{"encoded_word", " =?UTF-8?Q?J=C3=B6e_=2C_User?= <a@x.example>", "a@x.example|",
                 "To: =?UTF-8?Q?J=C3=B6e_=2C_User?= <a@x.example>"},
        ListCase{"fold_is_a_space", " \"Joe User\"\r\n\t<a@x.example>", "a@x.example|",
                 "To: \"Joe User\" <a@x.example>"},
        ListCase{"unclosed_angle", " Joe <a@x.example", "Joe<a@x.example|", "To: \"Joe<a\"@x.example"},
        ListCase{"empty", "", "", "To: "},
        ListCase{"long_list_is_folded",
                 " First Person <alpha@dest.example>, Second Person <second.person@dest.example>, Third "
                 "<t@x.example>",
                 "alpha@dest.example|second.person@dest.example|t@x.example|",
                 "To: First Person <alpha@dest.example>,\r\n\tSecond Person <second.person@dest.example>, "
                 "Third <t@x.example>"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(AddressListReplace, regenerates_with_the_new_address) {
  auto list = AddressList::parse(" Joe <a@x.example>, b@x.example (c)");
  list.replace(1, "\"new one\"@y.example");
  EXPECT_EQ(list.internal(1), "new one@y.example");
  EXPECT_EQ(list.external(1), "\"new one\"@y.example");
  EXPECT_EQ(fold_address_header("Cc", list.text()), "Cc: Joe <a@x.example>, \"new one\"@y.example (c)");
}

TEST(AddressListLimit, cuts_after_the_last_token_allowed) {
  const auto list = AddressList::parse("a@b, c@d, e@f", 4);
  EXPECT_EQ(fold_address_header("To", list.text()), "To: a@b, ");
}

TEST(QuoteLocalPart, quotes_only_what_needs_it) {
  EXPECT_EQ(quote_local_part("a.b@x"), "a.b@x");
  EXPECT_EQ(quote_local_part("a..b@x"), "\"a..b\"@x");
  EXPECT_EQ(quote_local_part("a b"), "\"a b\"");
  EXPECT_EQ(quote_local_part("@route:a b@x"), "@route:\"a b\"@x");
  EXPECT_EQ(quote_local_part(""), "\"\"");
}

TEST(UnquoteLocalPart, leaves_the_domain_alone) {
  EXPECT_EQ(unquote_local_part("\"a b\"@x"), "a b@x");
  EXPECT_EQ(unquote_local_part("\"a\\\"b\"@x"), "a\"b@x");
  EXPECT_EQ(unquote_local_part("\"a@b\"@\"x\""), "a@b@\"x\"");
}

}  // namespace
}  // namespace hikyaku::mail
