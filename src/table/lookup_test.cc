// How tables are asked: Maps, keys made of addresses, match lists, tables in the setting itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "table/address_lookup.h"
#include "table/given_tables.h"
#include "table/match_list.h"
#include "table/row_review.h"

namespace hikyaku::table {
namespace {

using testing::HasSubstr;

std::string keys(const KeyTrail& trail) {
  std::string joined(trail.joined());
  std::replace(joined.begin(), joined.end(), '\0', ' ');
  return joined;
}

class Local final : public LocalDomains {
 public:
  Result<bool> is_local(std::string_view domain) const override {
    if (domain == "broken.test") return fail(Fault::temporary, "mydestination could not be asked");
    return domain == "hub.test";
  }
};

Maps maps_of(GivenTables& tables, const std::vector<std::string>& specs,
             Substitution substitution = Substitution::allowed) {
  std::vector<Element> elements;
  for (const auto& spec : specs) elements.push_back({spec, Origin{1, 5}});
  auto maps = Maps::open(elements, tables, substitution);
  EXPECT_TRUE(maps) << maps.error().text;
  return maps ? *maps : Maps();
}

struct KeyCase {
  const char* name;
  std::string table;    // the text of hash:/t
  std::string address;  // internal form
  std::string keys;     // tried, one blank between
  std::string answer;   // "value by N ext", N as in KeyHit::By
  std::string delimiters = "+";
  std::string patterns{};  // the text of regexp:/p, second in the list
};

std::string text_of(const KeyAnswer& answer) {
  if (!answer) return "error " + answer.error().text;
  if (!*answer) return "";
  static constexpr const char* kBy[] = {
      "address", "without_extension", "user", "user_without_extension", "domain", "parent", "wildcard"};
  std::string text = (*answer)->found.value + " by " + kBy[static_cast<int>((*answer)->by)];
  if (!(*answer)->extension.empty()) text += " " + (*answer)->extension;
  return text;
}

enum class Which : unsigned char { address, transport, access };

void check(const KeyCase& row, Which which) {
  GivenTables tables;
  tables.give("/t", row.table);
  tables.give("/p", row.patterns);
  std::vector<std::string> specs{"hash:/t"};
  if (!row.patterns.empty()) specs.push_back("regexp:/p");
  const Maps maps = maps_of(tables, specs);
  const auto address = mail::Address::from_internal(row.address);
  ASSERT_TRUE(address);
  const Delimiters delimiters{row.delimiters};
  KeyTrail trail;
  const auto answer = which == Which::address ? find_address(maps, *address, delimiters, Local(), &trail)
                      : which == Which::transport
                          ? find_transport(maps, *address, delimiters, Parents::by_dot, &trail)
                          : find_access_address(maps, *address, delimiters, Parents::by_name, &trail);
  EXPECT_EQ(keys(trail), row.keys);
  EXPECT_EQ(text_of(answer), row.answer);
  if (answer && *answer) {
    EXPECT_TRUE(keys(trail).ends_with((*answer)->key));
  }
}

const auto kName = [](const auto& row) { return std::string(row.param.name); };

class AddressKeys : public testing::TestWithParam<KeyCase> {};
TEST_P(AddressKeys, in_order) { check(GetParam(), Which::address); }
INSTANTIATE_TEST_SUITE_P(
    , AddressKeys,
    testing::Values(
        KeyCase{"all_keys_of_a_local_address", "x y\n", "joe+list@hub.test",
                "joe+list@hub.test joe@hub.test joe+list joe @hub.test", ""},
        KeyCase{"all_keys_of_a_foreign_address", "x y\n", "joe+list@a.test",
                "joe+list@a.test joe@a.test @a.test", ""},
        KeyCase{"no_extension", "x y\n", "joe@hub.test", "joe@hub.test joe @hub.test", ""},
        KeyCase{"whole", "joe+list@a.test v\n", "joe+list@a.test", "joe+list@a.test", "v by address"},
        KeyCase{"without_extension", "joe@a.test v\n", "joe+list@a.test", "joe+list@a.test joe@a.test",
                "v by without_extension +list"},
        KeyCase{"user_with_extension", "joe+list v\n", "joe+list@hub.test",
                "joe+list@hub.test joe@hub.test joe+list", "v by user"},
        KeyCase{"user", "joe v\n", "joe+list@hub.test", "joe+list@hub.test joe@hub.test joe+list joe",
                "v by user_without_extension +list"},
        KeyCase{"domain_has_no_extension_to_propagate", "@hub.test v\n", "joe+list@hub.test",
                "joe+list@hub.test joe@hub.test joe+list joe @hub.test", "v by domain"},
        KeyCase{"user_of_a_foreign_domain_is_not_tried", "joe v\n", "joe@a.test", "joe@a.test @a.test", ""},
        KeyCase{"no_domain", "joe v\n", "joe+x", "joe+x joe", "v by without_extension +x"},
        KeyCase{"no_delimiter_set", "joe@a.test v\n", "joe+list@a.test", "joe+list@a.test @a.test", "", ""},
        KeyCase{"several_delimiters_first_counts", "joe@a.test v\n", "joe-a+b@a.test",
                "joe-a+b@a.test joe@a.test", "v by without_extension -a+b", "+-"},
        KeyCase{"leading_delimiter_is_none", "x y\n", "+joe@a.test", "+joe@a.test @a.test", ""},
        KeyCase{"only_the_delimiter_at_the_end", "joe@a.test v\n", "joe+@a.test", "joe+@a.test joe@a.test",
                "v by without_extension +"},
        KeyCase{"mailer_daemon_is_whole", "x y\n", "MAILER-DAEMON@a.test", "MAILER-DAEMON@a.test @a.test", "",
                "-"},
        KeyCase{"double_bounce_is_whole", "x y\n", "double-bounce@a.test", "double-bounce@a.test @a.test", "",
                "-"},
        KeyCase{"owner_is_whole", "x y\n", "owner-list@a.test", "owner-list@a.test @a.test", "", "-"},
        KeyCase{"request_is_whole", "x y\n", "list-request@a.test", "list-request@a.test @a.test", "", "-"},
        KeyCase{"request_alone_is_not", "x y\n", "a-request+b@a.test", "a-request+b@a.test a@a.test @a.test",
                "", "+-"},
        KeyCase{"owner_with_plus_splits", "x y\n", "owner-l+x@a.test",
                "owner-l+x@a.test owner-l@a.test @a.test", "", "+"},
        KeyCase{"quoted_form_first", "x y\n", "joe q+x@hub.test",
                "\"joe q+x\"@hub.test joe q+x@hub.test \"joe q\"@hub.test joe q@hub.test \"joe q+x\" joe q+x "
                "\"joe q\" "
                "joe q @hub.test",
                ""},
        KeyCase{"quoted_key", "\"joe q\"@a.test v\n", "joe q@a.test", "\"joe q\"@a.test", "v by address"},
        KeyCase{"at_within_the_user", "\"a@b\"@a.test v\n", "a@b@a.test", "\"a@b\"@a.test", "v by address"},
        KeyCase{"patterns_see_whole_addresses_alone", "x y\n", "joe+list@hub.test",
                "joe+list@hub.test joe@hub.test joe+list joe @hub.test", "", "+",
                "/^joe@/ bare\n/^joe$/ user\n/^@/ dom\n"},
        KeyCase{"pattern_on_the_whole_address", "joe@hub.test v\n", "joe+list@hub.test", "joe+list@hub.test",
                "p by address", "+", "/^joe\\+/ p\n"},
        KeyCase{"broken_list_of_local_domains", "x y\n", "joe@broken.test", "joe@broken.test",
                "error mydestination could not be asked"},
        KeyCase{"null_sender_is_the_callers", "x y\n", "", "", ""}),
    kName);

class TransportKeys : public testing::TestWithParam<KeyCase> {};
TEST_P(TransportKeys, in_order) { check(GetParam(), Which::transport); }
INSTANTIATE_TEST_SUITE_P(
    , TransportKeys,
    testing::Values(
        KeyCase{"all_keys", "x y\n", "joe+l@a.b.test", "joe+l@a.b.test joe@a.b.test a.b.test .b.test .test *",
                ""},
        KeyCase{"parent", ".b.test smtp:\n", "joe@a.b.test", "joe@a.b.test a.b.test .b.test",
                "smtp: by parent"},
        KeyCase{"domain", "a.b.test smtp:\n", "joe@a.b.test", "joe@a.b.test a.b.test", "smtp: by domain"},
        KeyCase{"at_domain_is_never_tried", "@a.b.test smtp:\n", "joe@a.b.test",
                "joe@a.b.test a.b.test .b.test .test *", ""},
        KeyCase{"wildcard", "* smtp:\n", "joe@a.test", "joe@a.test a.test .test *", "smtp: by wildcard"},
        KeyCase{"wildcard_asks_patterns", "x y\n", "joe@a.test", "joe@a.test a.test .test *", "w by wildcard",
                "+", "/^.$/ w\n"},
        KeyCase{"user_is_never_tried", "joe smtp:\n", "joe@hub.test", "joe@hub.test hub.test .test *", ""}),
    kName);

class AccessKeys : public testing::TestWithParam<KeyCase> {};
TEST_P(AccessKeys, in_order) { check(GetParam(), Which::access); }
INSTANTIATE_TEST_SUITE_P(
    , AccessKeys,
    testing::Values(
        KeyCase{"all_keys", "x y\n", "joe+l@a.b.test",
                "joe+l@a.b.test joe@a.b.test a.b.test b.test test joe+l@ joe@", ""},
        KeyCase{"user_at", "joe@ REJECT\n", "joe+l@b.test", "joe+l@b.test joe@b.test b.test test joe+l@ joe@",
                "REJECT by user_without_extension +l"},
        KeyCase{"top_level", "test REJECT\n", "joe@b.test", "joe@b.test b.test test", "REJECT by parent"}),
    kName);

TEST(ClientKeys, names_then_networks) {
  GivenTables tables;
  tables.give("/t", "x y\n192.0 net\n");
  const Maps maps = maps_of(tables, {"hash:/t"});
  KeyTrail trail;
  EXPECT_EQ(text_of(find_access_client(maps, "mx.a.test", *Ip::parse("192.0.2.7"), Parents::by_dot, &trail)),
            "net by parent");
  EXPECT_EQ(keys(trail), "mx.a.test .a.test .test 192.0.2.7 192.0.2 192.0");
  trail.clear();
  EXPECT_EQ(text_of(find_access_ip(maps, *Ip::parse("2001:db8::5:1"), &trail)), "");
  EXPECT_EQ(keys(trail), "2001:db8::5:1 2001:db8::5 2001:db8: 2001:db8 2001");
  trail.clear();
  EXPECT_EQ(text_of(find_access_domain(maps, "192.0.2.9", Parents::by_name, &trail)), "");
  EXPECT_EQ(keys(trail), "192.0.2.9");
  trail.clear();
  EXPECT_EQ(text_of(find_access_domain(maps, "a.test.", Parents::by_name, &trail)), "");
  EXPECT_EQ(keys(trail), "a.test. test.");
}

TEST(MapsFind, each_key_is_tried_in_all_tables_before_the_next) {
  GivenTables tables;
  tables.give("/one", "@a.test one\n");
  tables.give("/two", "joe@a.test two\n");
  const Maps maps = maps_of(tables, {"hash:/one", "hash:/two"});
  EXPECT_EQ(text_of(find_address(maps, *mail::Address::from_internal("joe@a.test"), {}, Local(), nullptr)),
            "two by address");
}

TEST(MapsFind, a_failing_table_ends_the_search) {
  GivenTables tables;
  tables.give("/t", "joe v\n");
  const auto answer = maps_of(tables, {"fail:down", "hash:/t"}).find("joe", nullptr);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault, Fault::temporary);
  EXPECT_THAT(answer.error().text, HasSubstr("fail:down"));
}

TEST(MapsFind, an_empty_answer_is_an_error) {
  GivenTables tables;
  const auto answer = maps_of(tables, {"inline:{a=}"}).find("a", nullptr);
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().text, HasSubstr("empty text"));
}

TEST(MapsFind, nothing_is_found_without_tables_or_key) {
  GivenTables tables;
  EXPECT_FALSE(Maps().find("a", nullptr)->has_value());
  EXPECT_FALSE(maps_of(tables, {"static:v"}).find("", nullptr)->has_value());
  EXPECT_FALSE(Maps::open({{"hash", {}}}, tables));
}

struct SettingCase {
  const char* name;
  std::string spec, key, answer;
};
std::ostream& operator<<(std::ostream& out, const SettingCase& row) { return out << row.spec; }

class TableInASetting : public testing::TestWithParam<SettingCase> {};
TEST_P(TableInASetting, answers) {
  GivenTables tables;
  tables.give("/t", "a b\nb c\n");
  const auto table = tables.open(GetParam().spec, Origin{3, 4});
  if (GetParam().answer.starts_with("malformed ")) {
    ASSERT_FALSE(table);
    EXPECT_THAT(table.error().text, HasSubstr(GetParam().answer.substr(10)));
    return;
  }
  ASSERT_TRUE(table) << table.error().text;
  const auto answer = (*table)->find(GetParam().key);
  ASSERT_TRUE(answer) << answer.error().text;
  EXPECT_EQ(*answer ? (*answer)->value : "nothing", GetParam().answer);
  EXPECT_EQ((*table)->name(), GetParam().spec);
}
INSTANTIATE_TEST_SUITE_P(
    , TableInASetting,
    testing::Values(SettingCase{"inline_short", "inline:{a=1, b=2}", "b", "2"},
                    SettingCase{"inline_long", "inline:{ {a = b c}, {D = e, f} }", "d", "e, f"},
                    SettingCase{"inline_last_wins", "inline:{a=1, a=2}", "a", "2"},
                    SettingCase{"inline_folds", "inline:{A=1}", "a", "1"},
                    SettingCase{"inline_value_with_equals", "inline:{a=b=c}", "a", "b=c"},
                    SettingCase{"inline_no_equals", "inline:{a b=c}", "a", "malformed no '='"},
                    SettingCase{"inline_two_words", "inline:{{a b=c}}", "a",
                                "malformed no '=' after the first word"},
                    SettingCase{"inline_no_name", "inline:{=c}", "a", "malformed no name"},
                    SettingCase{"inline_empty", "inline:{ }", "a", "malformed no key=value"},
                    SettingCase{"inline_no_braces", "inline:a=b", "a", "malformed write inline:{"},
                    SettingCase{"inline_text_after", "inline:{a=b}c", "a", "malformed write inline:{"},
                    SettingCase{"static_plain", "static:a b", "x", "a b"},
                    SettingCase{"static_braces", "static:{ a b }", "x", "a b"},
                    SettingCase{"static_open_brace", "static:{a", "x", "malformed '}'"},
                    SettingCase{"union_joins", "unionmap:{static:a, inline:{x=1}, static:b}", "x", "a,1,b"},
                    SettingCase{"union_some", "unionmap:{inline:{y=1}, static:b}", "x", "b"},
                    SettingCase{"union_none", "unionmap:{inline:{y=1}}", "x", "nothing"},
                    SettingCase{"union_empty", "unionmap:{}", "x", "malformed no table"},
                    SettingCase{"pipe", "pipemap:{hash:/t, hash:/t}", "a", "c"},
                    SettingCase{"pipe_first_misses", "pipemap:{hash:/t, static:v}", "x", "nothing"},
                    SettingCase{"pipe_last_misses", "pipemap:{hash:/t, hash:/t, hash:/t}", "a", "nothing"},
                    SettingCase{"no_type", "/etc/postfix/x", "x", "malformed hash:/etc/postfix/x"},
                    SettingCase{"no_name", "hash:", "x", "malformed no table"}),
    kName);

TEST(Randmap, answers_one_of_its_values) {
  struct Counting final : Random {
    unsigned char next = 0;
    void fill(std::span<unsigned char> octets) override {
      for (auto& octet : octets) octet = 0;
      octets[0] = next++;
    }
  } random;
  const auto table = make_random("randmap:{a, {b c}, d}", "{a, {b c}, d}", {}, random);
  ASSERT_TRUE(table);
  std::string all;
  for (int i = 0; i < 4; ++i) all += (**(*table)->find("x")).value + ";";
  EXPECT_EQ(all, "a;{b c};d;a;");
}

struct ListCase {
  const char* name;
  std::vector<std::string> elements;
  std::string subject;
  std::string match;  // the element, "" for none
};

std::vector<Element> elements_of(const std::vector<std::string>& texts) {
  std::vector<Element> elements;
  for (const auto& text : texts) {
    elements.push_back({text, Origin{1, static_cast<std::uint32_t>(elements.size() + 1)}});
  }
  return elements;
}

std::string text_of(const MatchAnswer& answer) {
  if (!answer) return "error " + answer.error().text;
  return *answer ? std::string((*answer)->element) : "";
}

GivenTables list_tables() {
  GivenTables tables;
  tables.give("/hash", "a.test 1\nsub.c.test 1\n.dots.test 1\nparent.test 1\n192.0.2.9 1\n");
  tables.give("/file", "# comment\none.test, two.test\n!three.test four.test\n");
  tables.give("/pattern", "/^x/ 1\n");
  tables.give("/cidr", "203.0.113.0/24 1\n");
  return tables;
}

std::ostream& operator<<(std::ostream& out, const ListCase& row) { return out << row.subject; }

class StringList : public testing::TestWithParam<ListCase> {};
TEST_P(StringList, matches) {
  auto tables = list_tables();
  const auto list = StringMatchList::compile(elements_of(GetParam().elements), tables);
  ASSERT_TRUE(list) << list.error().text;
  EXPECT_EQ(text_of(list->match(GetParam().subject, nullptr)), GetParam().match);
}
INSTANTIATE_TEST_SUITE_P(
    , StringList,
    testing::Values(ListCase{"empty_list", {}, "a.test", ""},
                    ListCase{"same", {"b", "A.test"}, "a.TEST", "A.test"},
                    ListCase{"no_parents", {"test", ".test"}, "a.test", ""},
                    ListCase{"first_decides_no", {"!a.test", "a.test"}, "a.test", ""},
                    ListCase{"first_decides_yes", {"a.test", "!a.test"}, "a.test", "a.test"},
                    ListCase{"bang_bang", {"!!a.test"}, "a.test", "!!a.test"},
                    ListCase{"table", {"hash:/hash"}, "a.test", "hash:/hash"},
                    ListCase{"table_before_literal", {"!hash:/hash", "a.test"}, "a.test", ""},
                    ListCase{"literal_before_table", {"a.test", "!hash:/hash"}, "a.test", "a.test"},
                    ListCase{"file", {"/file"}, "two.test", "two.test"},
                    ListCase{"file_not", {"/file"}, "three.test", ""},
                    ListCase{"not_file", {"!/file", "one.test"}, "one.test", ""},
                    ListCase{"not_file_twice_not", {"!/file"}, "three.test", "!three.test"},
                    ListCase{"pattern", {"regexp:/pattern"}, "xy", "regexp:/pattern"},
                    ListCase{"failing_table_first",
                             {"fail:down", "a.test"},
                             "a.test",
                             "error looking up a.test in fail:down: the table fail:down always fails"},
                    ListCase{"failing_table_after_a_match", {"a.test", "fail:down"}, "a.test", "a.test"}),
    kName);

TEST(ListFile, elements_have_their_own_lines) {
  auto tables = list_tables();
  const auto list = StringMatchList::compile(elements_of({"x", "/file"}), tables);
  ASSERT_TRUE(list);
  EXPECT_EQ((**list->match("four.test", nullptr)).origin, (Origin{GivenTables::kFile, 3}));
  EXPECT_EQ((**list->match("x", nullptr)).origin, (Origin{1, 1}));
}

struct DomainCase {
  const char* name;
  Subdomains subdomains;
  std::vector<std::string> elements;
  std::string subject, match, keys;
};
class Domains : public testing::TestWithParam<DomainCase> {};
TEST_P(Domains, match) {
  auto tables = list_tables();
  const auto list = DomainList::compile(elements_of(GetParam().elements), tables, GetParam().subdomains);
  ASSERT_TRUE(list) << list.error().text;
  KeyTrail trail;
  EXPECT_EQ(text_of(list->match(GetParam().subject, &trail)), GetParam().match);
  EXPECT_EQ(keys(trail), GetParam().keys);
}
INSTANTIATE_TEST_SUITE_P(
    , Domains,
    testing::Values(
        DomainCase{"itself", Subdomains::by_dot, {"a.test"}, "A.TEST", "a.test", "a.test"},
        DomainCase{"parent_with_dot", Subdomains::by_dot, {".test"}, "a.test", ".test", "a.test"},
        DomainCase{"parent_without_dot_no", Subdomains::by_dot, {"test"}, "a.test", "", "a.test"},
        DomainCase{"dot_is_not_itself", Subdomains::by_dot, {".a.test"}, "a.test", "", "a.test"},
        DomainCase{"parent_style", Subdomains::by_parent_too, {"test"}, "b.a.test", "test", "b.a.test"},
        DomainCase{
            "parent_style_no_dots", Subdomains::by_parent_too, {".a.test"}, "b.a.test", "", "b.a.test"},
        DomainCase{"no_half_labels", Subdomains::by_parent_too, {"a.test"}, "ba.test", "", "ba.test"},
        DomainCase{"table_parents_by_dot",
                   Subdomains::by_dot,
                   {"hash:/hash"},
                   "b.dots.test",
                   "hash:/hash",
                   "b.dots.test .dots.test"},
        DomainCase{"table_parents_by_name",
                   Subdomains::by_parent_too,
                   {"hash:/hash"},
                   "b.parent.test",
                   "hash:/hash",
                   "b.parent.test parent.test"},
        DomainCase{"patterns_get_the_whole_name",
                   Subdomains::by_parent_too,
                   {"regexp:/pattern"},
                   "b.xy",
                   "",
                   "b.xy"},
        DomainCase{"exception_first",
                   Subdomains::by_parent_too,
                   {"!no.a.test", "a.test"},
                   "x.no.a.test",
                   "",
                   "x.no.a.test"}),
    kName);

struct NetworkCase {
  const char* name;
  std::vector<std::string> elements;
  std::string host, address, match;
};
class Networks : public testing::TestWithParam<NetworkCase> {};
TEST_P(Networks, match) {
  auto tables = list_tables();
  const auto list = NetworkList::compile(elements_of(GetParam().elements), tables, Subdomains::by_parent_too);
  if (GetParam().match.starts_with("malformed ")) {
    ASSERT_FALSE(list);
    EXPECT_THAT(list.error().text, HasSubstr(GetParam().match.substr(10)));
    return;
  }
  ASSERT_TRUE(list) << list.error().text;
  EXPECT_EQ(text_of(list->match(GetParam().host, *Ip::parse(GetParam().address), nullptr)), GetParam().match);
}
INSTANTIATE_TEST_SUITE_P(
    , Networks,
    testing::Values(
        NetworkCase{"network", {"127.0.0.0/8", "192.0.2.0/24"}, "", "192.0.2.7", "192.0.2.0/24"},
        NetworkCase{"address", {"192.0.2.7"}, "", "192.0.2.7", "192.0.2.7"},
        NetworkCase{"outside", {"192.0.2.0/25"}, "", "192.0.2.128", ""},
        NetworkCase{"exception", {"!192.0.2.7", "192.0.2.0/24"}, "", "192.0.2.7", ""},
        NetworkCase{"exception_too_late", {"192.0.2.0/24", "!192.0.2.7"}, "", "192.0.2.7", "192.0.2.0/24"},
        NetworkCase{"ipv6", {"[2001:db8::]/32"}, "", "2001:db8:1::1", "[2001:db8::]/32"},
        NetworkCase{"ipv6_address", {"[::1]"}, "", "0:0::1", "[::1]"},
        NetworkCase{"mapped_is_ipv4", {"192.0.2.0/24"}, "", "::ffff:192.0.2.1", "192.0.2.0/24"},
        NetworkCase{"table_by_address", {"hash:/hash"}, "", "192.0.2.9", "hash:/hash"},
        NetworkCase{"table_by_name", {"hash:/hash"}, "x.parent.test", "198.51.100.1", "hash:/hash"},
        NetworkCase{"cidr", {"cidr:/cidr"}, "", "203.0.113.8", "cidr:/cidr"},
        NetworkCase{"host_name", {"parent.test"}, "x.Parent.test", "198.51.100.1", "parent.test"},
        NetworkCase{"host_bits", {"192.0.2.1/24"}, "", "192.0.2.1", "malformed write 192.0.2.0/24"},
        NetworkCase{"no_brackets", {"2001:db8::/32"}, "", "::1", "malformed write [2001:db8::]/32"},
        NetworkCase{"nothing_after_bang", {"!"}, "", "::1", "malformed nothing after"},
        NetworkCase{"bad_prefix", {"10.0.0.0/40"}, "", "::1", "malformed from 0 to 32"}),
    kName);

struct ReviewCase {
  const char* name;
  std::string setting, type, text;
  std::string remark;  // part of the only one; "" for none
};
std::ostream& operator<<(std::ostream& out, const ReviewCase& row) { return out << row.text; }

class RowReview : public testing::TestWithParam<ReviewCase> {};
TEST_P(RowReview, tells) {
  GivenTables tables;
  tables.give("/t", GetParam().text);
  const auto found = review_rows(**tables.open(GetParam().type + ":/t", {}), GetParam().setting);
  if (GetParam().remark.empty()) {
    EXPECT_TRUE(found.empty()) << found.front().text;
    return;
  }
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found[0].text, HasSubstr(GetParam().remark));
  EXPECT_EQ(found[0].where.line, 1U);
}
INSTANTIATE_TEST_SUITE_P(
    , RowReview,
    testing::Values(
        ReviewCase{"at_domain", "transport_maps", "hash", "@a.test smtp:[b]\n", "never looked up"},
        ReviewCase{"no_transport", "transport_maps", "hash", "a.test [mx.test]:25\n",
                   "write smtp:[mx.test]:25"},
        ReviewCase{"reset", "transport_maps", "hash", "a.test smtp:\n", "relayhost does not apply"},
        ReviewCase{"local_needs_no_next_hop", "transport_maps", "hash", "a.test local:\n", ""},
        ReviewCase{"by_sender_keeps_relayhost", "sender_dependent_default_transport_maps", "hash",
                   "@a.test smtp:\n", ""},
        ReviewCase{"by_sender_no_transport", "sender_dependent_default_transport_maps", "hash",
                   "@a.test [mx.test]\n", "write smtp:[mx.test]"},
        ReviewCase{"nexthop_alone", "transport_maps", "hash", "a.test :[mx.test]\n", ""},
        ReviewCase{"nothing", "transport_maps", "hash", "a.test :\n", ""},
        ReviewCase{"good", "transport_maps", "hash", "a.test smtp:[mx.test]\n", ""},
        ReviewCase{"other_setting", "virtual_alias_maps", "hash", "@a.test smtp:\n", ""},
        ReviewCase{"relayhost_with_transport", "sender_dependent_relayhost_maps", "hash",
                   "@a.test smtp:[mx.test]\n", "looks like transport:nexthop"},
        ReviewCase{"relayhost_port", "sender_dependent_relayhost_maps", "hash", "@a.test mx.test:587\n", ""},
        ReviewCase{"relayhost_brackets", "sender_dependent_relayhost_maps", "hash", "@a.test [mx.test]:587\n",
                   ""},
        ReviewCase{"relayhost_dunno", "sender_dependent_relayhost_maps", "hash", "@a.test DUNNO\n", ""},
        ReviewCase{"several_addresses", "canonical_maps", "hash", "a b@c.test, d@e.test\n",
                   "must be one address"},
        ReviewCase{"comma_in_quotes", "canonical_maps", "hash", "a \"b,c\"@d.test\n", ""},
        ReviewCase{"null_sender", "sender_canonical_maps", "regexp", "/.*/ all@a.test\n",
                   "also matches the null sender"},
        ReviewCase{"no_null_sender", "sender_canonical_maps", "regexp", "/@/ all@a.test\n", ""}),
    kName);

TEST(IpText, turns_round_for_lists_in_the_dns) {
  EXPECT_EQ(Ip::parse("192.0.2.7")->reversed(), "7.2.0.192.");
  EXPECT_EQ(Ip::parse("2001:db8::1")->reversed(),
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.");
}

TEST(IpText, prints_and_parses_back) {
  for (const char* text :
       {"192.0.2.1", "0.0.0.0", "255.255.255.255", "::", "::1", "2001:db8::1", "fe80::1:2:3:4"}) {
    const auto ip = Ip::parse(text);
    ASSERT_TRUE(ip) << text;
    EXPECT_EQ(ip->text(), text);
  }
  for (const char* text :
       {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1:2", ":::", "[::1]", "::1%eth0", "1.2.3.4 "}) {
    EXPECT_FALSE(Ip::parse(text)) << text;
  }
}

}  // namespace
}  // namespace hikyaku::table
