#include "greylist/tuple.h"

#include <gtest/gtest.h>

#include <string>

#include "greylist/greylist_for_tests.h"
#include "greylist/tuple_rows.h"

namespace hikyaku::greylist {
namespace {

struct PathCase {
  const char* name;
  std::string path, sender, recipient;
};
class TuplePaths : public testing::TestWithParam<PathCase> {};

TEST_P(TuplePaths, AreKeptAsMilterGreylistKeepsThem) {
  EXPECT_EQ(tuple_sender(GetParam().path), GetParam().sender);
  EXPECT_EQ(tuple_recipient(GetParam().path), GetParam().recipient);
}

INSTANTIATE_TEST_SUITE_P(
    , TuplePaths,
    testing::Values(PathCase{"as_it_came", "<a@X.test>", "<a@X.test>", "<a@X.test>"},
                    PathCase{"without_brackets", "a@x.test", "a@x.test", "a@x.test"},
                    PathCase{"null_sender", "<>", "<>", "<>"},
                    PathCase{"a_sender_after_its_last_equals_sign", "<list=12=u@x.test>", "<u@x.test>",
                             "<list=12=u@x.test>"},
                    PathCase{"an_equals_sign_at_the_front_stays", "=u@x.test", "=u@x.test", "=u@x.test"},
                    PathCase{"an_equals_sign_at_the_end", "<u=", "<", "<u="},
                    PathCase{"what_is_not_graphic_is_underlined", "<b c\t\xc3\xa9\x7f@x.test>",
                             "<b_c____@x.test>", "<b_c____@x.test>"},
                    PathCase{"cut_at_324", std::string(400, 'x'), std::string(324, 'x'),
                             std::string(324, 'x')},
                    PathCase{"cut_before_the_equals_sign_counts", std::string(400, 'x') + "=u@x.test",
                             std::string(324, 'x'), std::string(324, 'x')}),
    [](const auto& row) { return std::string(row.param.name); });

struct ClientCase {
  const char* name;
  const char* address;
  MatchPrefixes prefixes;
  const char* text;
  const char* shown;
};
class ClientKeys : public testing::TestWithParam<ClientCase> {};

TEST_P(ClientKeys, AreNetworks) {
  const auto key = ClientKey::of_address(GetParam().address, GetParam().prefixes);
  ASSERT_TRUE(key) << key.error().text;
  EXPECT_EQ(key->text(), GetParam().text);
  EXPECT_EQ(key->address(), GetParam().shown);
  EXPECT_EQ(key->pool(), "");
}

INSTANTIATE_TEST_SUITE_P(
    , ClientKeys,
    testing::Values(ClientCase{"whole_address", "192.0.2.77", {}, "192.0.2.77", "192.0.2.77"},
                    ClientCase{"network", "192.0.2.77", {24, 64}, "192.0.2.0/24", "192.0.2.77"},
                    ClientCase{"everybody", "192.0.2.77", {0, 0}, "0.0.0.0/0", "192.0.2.77"},
                    ClientCase{"odd_prefix", "192.0.2.77", {26, 64}, "192.0.2.64/26", "192.0.2.77"},
                    ClientCase{"ipv6", "2001:DB8:0::7", {24, 128}, "2001:db8::7", "2001:db8::7"},
                    ClientCase{"ipv6_network", "2001:db8::7", {24, 64}, "2001:db8::/64", "2001:db8::7"},
                    ClientCase{
                        "mapped_is_ipv4", "::ffff:192.0.2.77", {24, 64}, "192.0.2.0/24", "192.0.2.77"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ClientKey, OfAPoolComparesByItsNameAndKeepsTheAddress) {
  const auto key = ClientKey::of_pool("spf:example.org", "192.0.2.77");
  ASSERT_TRUE(key);
  EXPECT_EQ(key->text(), "spf:example.org");
  EXPECT_EQ(key->address(), "192.0.2.77");
  for (const auto& pool :
       {std::string(), std::string("a b"), std::string("a\0b", 3), std::string(256, 'x')}) {
    EXPECT_FALSE(ClientKey::of_pool(pool, "192.0.2.77")) << pool;
  }
  EXPECT_FALSE(ClientKey::of_pool("asn:64500", "somewhere"));
  EXPECT_EQ(ClientKey::of_address("192.0.2", {}).error().fault, Fault::malformed);
}

TEST(SendingRecord, IsOfTheClientAndTheSendersDomain) {
  const auto record = sending_record(tuple("192.0.2.1", "<joe@a.example>"));
  ASSERT_TRUE(record);
  EXPECT_EQ(record->client.text(), "192.0.2.1");
  EXPECT_EQ(record->sender, "@a.example");
  EXPECT_EQ(record->recipient, "*");
  for (const auto* sender : {"<>", "<joe>", "<joe@>"})
    EXPECT_FALSE(sending_record(tuple("192.0.2.1", sender))) << sender;
}

TEST(SendingRecord, HasARowThatAnOlderProgramRefuses) {
  auto one = entry("192.0.2.1", "@a.example", TupleState::record, at(0));
  one.facts.passes = 7;
  const auto row = encode(one);
  EXPECT_EQ(row[0], 2) << "an older program knows of version 1 alone";
  const auto read = decode_tuple(row);
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(*read, one);
  auto older = row;
  older[0] = 1;
  EXPECT_FALSE(decode_tuple(older)) << "version 1 has no such state";
}

struct ExpiryCase {
  const char* name;
  TupleState state;
  std::int64_t time;  ///< seconds after now
  bool gone;
};
class TupleExpiry : public testing::TestWithParam<ExpiryCase> {};

TEST_P(TupleExpiry, IsThatOfMilterGreylist) {
  EXPECT_EQ(expired(GetParam().state, at(GetParam().time), std::chrono::seconds(100), kStart),
            GetParam().gone);
}

INSTANTIATE_TEST_SUITE_P(
    , TupleExpiry,
    testing::Values(ExpiryCase{"pending_in_the_second_of_its_timeout", TupleState::pending, -100, false},
                    ExpiryCase{"pending_a_second_later", TupleState::pending, -101, true},
                    ExpiryCase{"pending_not_due", TupleState::pending, 5, false},
                    ExpiryCase{"record_at_its_time", TupleState::record, 0, false},
                    ExpiryCase{"record_after_its_time", TupleState::record, -1, true},
                    ExpiryCase{"tarpit_in_the_second_of_its_timeout", TupleState::tarpit, -100, false},
                    ExpiryCase{"tarpit_a_second_later", TupleState::tarpit, -101, true},
                    ExpiryCase{"autowhite_in_its_last_second", TupleState::autowhite, 0, false},
                    ExpiryCase{"autowhite_a_second_later", TupleState::autowhite, -1, true}),
    [](const auto& row) { return std::string(row.param.name); });

TupleEntry golden_entry() {
  auto one = entry("192.0.2.7", "<a@x>", TupleState::autowhite, Seconds(std::chrono::seconds(300)));
  one.pool = "asn:1";
  one.recipient = "<b@y>";
  one.facts.tarpit = std::chrono::seconds(7);
  one.facts.first_seen = Seconds(std::chrono::seconds(1));
  one.facts.last_seen = Seconds(std::chrono::seconds(2));
  one.facts.tries = 3;
  one.facts.passes = 4;
  return one;
}
const std::string kGolden(
    "\x01\x02\xac\x02\x07\x01\x02\x03\x04\x09"
    "192.0.2.7\x05"
    "asn:1\x05<a@x>\x05<b@y>",
    37);

TEST(TupleRow, HasTheseOctets) {
  EXPECT_EQ(encode(golden_entry()), kGolden);
  const auto read = decode_tuple(kGolden);
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(*read, golden_entry());
}

TEST(TupleRow, CutAnywhereIsCorrupt) {
  for (std::size_t size = 0; size < kGolden.size(); ++size) {
    const auto read = decode_tuple(std::string_view(kGolden).substr(0, size));
    ASSERT_FALSE(read) << size;
    EXPECT_EQ(read.error().fault, Fault::corrupt);
  }
}

TEST(TupleRow, WithAFlippedOctetReadsAsOneOrIsCorrupt) {
  for (std::size_t i = 0; i < kGolden.size(); ++i) {
    auto row = kGolden;
    row[i] = static_cast<char>(row[i] ^ 0x80);
    if (const auto read = decode_tuple(row)) EXPECT_NE(*read, golden_entry()) << i;
  }
}

TEST(TupleRow, OfAnotherVersionOrStateIsCorruptAndLaterFieldsAreLeft) {
  EXPECT_FALSE(decode_tuple('\x03' + kGolden.substr(1)));
  EXPECT_FALSE(decode_tuple(std::string("\x01\x04", 2) + kGolden.substr(2)));
  EXPECT_FALSE(decode_tuple(std::string("\x01\x00", 2) + kGolden.substr(2)));
  EXPECT_TRUE(decode_tuple(kGolden + "more"));
}

TEST(TupleRow, HoldsNoTimeBefore1970) {
  auto one = golden_entry();
  one.facts.time = Seconds(std::chrono::seconds(-5));
  EXPECT_EQ(decode_tuple(encode(one))->facts.time, Seconds());
}

TEST(TupleTimeKey, SortsByStateTimeAndSequence) {
  const auto key = [](TupleState state, std::int64_t time, std::uint64_t sequence) {
    return TupleTimeKey{state, Seconds(std::chrono::seconds(time)), sequence}.key();
  };
  const auto one = key(TupleState::pending, 0x0102030405, 9);
  EXPECT_EQ(one, std::string("\x01\0\0\0\x01\x02\x03\x04\x05\0\0\0\0\0\0\0\x09", 17));
  EXPECT_LT(one, key(TupleState::pending, 0x0102030405, 256));
  EXPECT_LT(key(TupleState::pending, 0x0102030405, 256), key(TupleState::pending, 0x0102030406, 1));
  EXPECT_LT(key(TupleState::pending, 0x0102030406, 1), key(TupleState::autowhite, 0, 1));
  EXPECT_LT(one, TupleTimeKey::prefix(TupleState::pending, Seconds(std::chrono::seconds(0x0102030406))));
  const auto read = TupleTimeKey::parse(one);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->key(), one);
  EXPECT_FALSE(TupleTimeKey::parse(one.substr(1)));
  EXPECT_FALSE(TupleTimeKey::parse('\x05' + one.substr(1)));
}

}  // namespace
}  // namespace hikyaku::greylist
