#include "greylist/dns_update.h"

#include <gtest/gtest.h>

#include "greylist/dns_wire.h"
#include "greylist/hex_for_tests.h"

namespace hikyaku::greylist {
namespace {

DnsUpdate update(std::uint16_t type, std::string value, std::chrono::seconds ttl = {}) {
  return {.zone = "bl.example.net",
          .name = "7.2.0.192.bl.example.net.",
          .type = type,
          .ttl = ttl,
          .value = std::move(value)};
}

// The octets are those that dnspython 2.3 makes of the same records, without compression of names.
const std::string kZoneAndName =
    "12342800000100000001000002626c076578616d706c65036e657400000600010137013201300331393202626c076578616d706c"
    "6"
    "5036e657400";

TEST(DnsUpdate, IsAMessageToTheOctet) {
  const auto octets = [](const DnsUpdate& one) { return hex(update_message(one, 0x1234).value()); };
  EXPECT_EQ(octets(update(dns_type::a, "127.0.0.2", std::chrono::minutes(5))),
            kZoneAndName + "000100010000012c00047f000002");
  EXPECT_EQ(octets(update(dns_type::aaaa, "2001:db8::1")),
            kZoneAndName + "001c000100000000001020010db8000000000000000000000001");
  EXPECT_EQ(octets(update(dns_type::txt, "bad host")),
            kZoneAndName + "001000010000000000090862616420686f7374");
  EXPECT_EQ(octets(update(dns_type::cname, "a.example.")),
            kZoneAndName + "0005000100000000000b0161076578616d706c6500");
}

TEST(DnsUpdate, CutsALongTextIntoStrings) {
  const auto message = update_message(update(dns_type::txt, std::string(300, 'x')), 1).value();
  EXPECT_TRUE(message.ends_with(std::string(1, '\x2d') + std::string(45, 'x')));
}

struct BadCase {
  const char* name;
  std::uint16_t type;
  std::string value;
  std::string record_name;
};
void PrintTo(const BadCase& row, std::ostream* out) { *out << row.name; }
class DnsUpdateThatIsNone : public testing::TestWithParam<BadCase> {};
INSTANTIATE_TEST_SUITE_P(
    , DnsUpdateThatIsNone,
    testing::Values(BadCase{"another_family", dns_type::a, "2001:db8::1", "x.example"},
                    BadCase{"no_address", dns_type::a, "", "x.example"},
                    BadCase{"a_type_that_is_not_made", 15, "10 mx.example", "x.example"},
                    BadCase{"an_empty_label", dns_type::a, "127.0.0.2", "x..example"},
                    BadCase{"a_blank", dns_type::a, "127.0.0.2", "x y.example"},
                    BadCase{"a_long_label", dns_type::a, "127.0.0.2", std::string(64, 'x') + ".example"},
                    BadCase{"a_host_that_is_none", dns_type::ptr, "a..b", "x.example"},
                    BadCase{"a_long_name", dns_type::a, "127.0.0.2",
                            std::string(60, 'a') + "." + std::string(60, 'a') + "." + std::string(60, 'a') +
                                "." + std::string(60, 'a') + "." + std::string(60, 'a')}),
    [](const auto& row) { return std::string(row.param.name); });
TEST_P(DnsUpdateThatIsNone, IsRefused) {
  auto one = update(GetParam().type, GetParam().value);
  one.name = GetParam().record_name;
  EXPECT_FALSE(update_message(one, 1));
}

TEST(DnsUpdate, KnowsWhatBecameOfIt) {
  EXPECT_TRUE(read_update_answer(from_hex("1234a8000000000000000000"), 0x1234));
  EXPECT_EQ(read_update_answer(from_hex("1234a8050000000000000000"), 0x1234).error().text,
            "the server said REFUSED");
  for (const auto* other : {"1235a8000000000000000000", "123428000000000000000000",
                            "123480000000000000000000", "1234a80000000000000000", ""})
    EXPECT_EQ(read_update_answer(from_hex(other), 0x1234).error().text, "what came is no answer to it")
        << other;
}

const std::string kZoneAnswer =
    "1234810300010000000100000137013201300331393202626c076578616d706c65036e65740000060001c016000600010000003c"
    "0022"
    "036e7331c0190561646d696ec0190000000100000002000000030000000400000005";

TEST(DnsZone, IsAskedFor) {
  EXPECT_EQ(hex(zone_question("7.2.0.192.bl.example.net", 1, 0x1234).value()),
            "1234010000010000000000000137013201300331393202626c076578616d706c65036e65740000060001");
}

TEST(DnsZone, IsThatWhichTheNameIsIn) {
  const auto zone = read_zone_answer(from_hex(kZoneAnswer), 0x1234, "7.2.0.192.BL.example.net.");
  ASSERT_TRUE(zone) << zone.error().text;
  EXPECT_EQ(zone->name, "bl.example.net");
  EXPECT_EQ(zone->primary, "ns1.example.net");
  EXPECT_EQ(read_zone_answer(from_hex(kZoneAnswer), 0x1234, "xbl.example.net").error().text,
            "no zone is known that xbl.example.net is in");
  EXPECT_EQ(read_zone_answer(from_hex("123481820000000000000000"), 0x1234, "x").error().text,
            "asked for the zone the server said SERVFAIL");
}

TEST(DnsZone, IsNotReadBeyondTheEnd) {
  const auto whole = from_hex(kZoneAnswer);
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(
        read_zone_answer(std::string_view(whole).substr(0, size), 0x1234, "7.2.0.192.bl.example.net"))
        << size;
}

TEST(DnsWire, FollowsNoPointersForEver) {
  const std::string message = from_hex("c000");
  EXPECT_EQ(DnsReader(message).name(), std::nullopt);
}

}  // namespace
}  // namespace hikyaku::greylist
