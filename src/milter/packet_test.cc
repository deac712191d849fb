#include "milter/packet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hikyaku::milter {
namespace {

using testing::HasSubstr;

std::string octets(std::initializer_list<int> list) {
  std::string out;
  for (const int octet : list) out += static_cast<char>(octet);
  return out;
}

TEST(Packets, APacketIsItsLengthItsKindAndItsData) {
  std::string out;
  PacketWriter(out, Command::helo).string("a.example");
  EXPECT_EQ(out, octets({0, 0, 0, 11}) + "Ha.example" + octets({0}));
  PacketReader reader;
  reader.feed(out);
  const auto packet = reader.next();
  ASSERT_TRUE(packet && *packet);
  EXPECT_EQ((*packet)->kind, 'H');
  EXPECT_EQ((*packet)->data, std::string_view("a.example\0", 10));
  EXPECT_FALSE(*reader.next());
}

TEST(Packets, NumbersAreInNetworkOrder) {
  std::string out;
  PacketWriter(out, Command::negotiate).number16(0x0102).number32(0xFFFE0304);
  EXPECT_EQ(out, octets({0, 0, 0, 7}) + "O" + octets({1, 2, 0xFF, 0xFE, 3, 4}));
  FieldReader fields("x", std::string_view(out).substr(5));
  EXPECT_EQ(fields.number16().value(), 0x0102);
  EXPECT_EQ(fields.number32().value(), 0xFFFE0304);
  EXPECT_TRUE(fields.end());
}

TEST(Packets, ANulInAStringDoesNotEndIt) {
  std::string out;
  PacketWriter(out, Command::mail).string(std::string_view("<a\0b>", 5)).string("X");
  EXPECT_EQ(out.substr(5), std::string_view("<ab>\0X\0", 7));
}

TEST(Packets, ComeInAnyCuts) {
  std::string all;
  PacketWriter(all, Response::go_on);
  PacketWriter(all, Response::reply_code).string("550 no");
  PacketWriter(all, Response::accept);
  for (std::size_t cut = 1; cut <= all.size(); ++cut) {
    PacketReader reader;
    std::string kinds;
    for (std::string_view rest = all; !rest.empty(); rest.remove_prefix(std::min(cut, rest.size()))) {
      reader.feed(rest.substr(0, cut));
      for (;;) {
        const auto packet = reader.next();
        ASSERT_TRUE(packet);
        if (!*packet) break;
        kinds += (*packet)->kind;
      }
    }
    EXPECT_EQ(kinds, "cya") << cut;
    EXPECT_EQ(reader.pending(), 0U);
  }
}

TEST(Packets, OneOfTheLimitIsReadAndOneMoreEndsTheTalkBeforeItArrives) {
  std::string largest;
  PacketWriter(largest, Command::body).octets(std::string(10, 'x'));
  PacketReader reader(10);
  reader.feed(largest);
  EXPECT_TRUE(reader.next().value());
  reader.feed(octets({0, 0, 0, 12}));
  const auto packet = reader.next();
  ASSERT_FALSE(packet);
  EXPECT_EQ(packet.error().text, "octet 15: a packet of 12 octets; 1 to 11 are possible (is this a milter?)");
  reader.feed(largest);
  EXPECT_FALSE(reader.next()) << "where the next packet begins can't be known";
  EXPECT_EQ(reader.pending(), 0U) << "nothing more is kept";
}

TEST(Packets, AnEmptyOneEndsTheTalk) {
  PacketReader reader;
  reader.feed(octets({0, 0, 0, 0}));
  const auto packet = reader.next();
  ASSERT_FALSE(packet);
  EXPECT_THAT(packet.error().text, HasSubstr("a packet of 0 octets"));
}

TEST(Packets, AnErrorNamesThePacketAndTheOctet) {
  FieldReader fields("add header", std::string_view("X-A\0yes", 7));
  EXPECT_EQ(fields.string().value(), "X-A");
  const auto value = fields.string();
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().text, "add header, octet 4: a string without the NUL that ends it");
  FieldReader number("insert header", "abc");
  EXPECT_EQ(number.number32().error().text,
            "insert header, octet 0: the data ends where a number of 4 octets is due");
  FieldReader rest("accept", "\x01");
  EXPECT_EQ(rest.end().error().text, "accept, octet 0: 1 octets too many, from '\\x01'");
}

TEST(Packets, AMegabyteOfEmptyStringsIsRefused) {
  FieldReader fields("macros", std::string_view());
  EXPECT_TRUE(fields.strings()->empty());
  const std::string many(1001, '\0');
  EXPECT_THAT(FieldReader("macros", many).strings().error().text, HasSubstr("more than 1000 strings"));
  EXPECT_EQ(FieldReader("macros", std::string_view(many).substr(1)).strings()->size(), 1000U);
}

TEST(Packets, OnlyTheKindsOfTheProtocolAreOnes) {
  std::string commands, responses;
  for (int octet = 0; octet < 256; ++octet) {
    const auto c = static_cast<char>(octet);
    if (command_of(c)) commands += c;
    if (response_of(c)) responses += c;
  }
  EXPECT_EQ(commands, "ABCDEHKLMNOQRTU");
  EXPECT_EQ(responses, "+-24Oabcdefhimpqrsty");
}

}  // namespace
}  // namespace hikyaku::milter
