// What the MTA's end tells filters of all kinds.
#include "milter/client_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "milter/mta_for_tests.h"

namespace hikyaku::milter {
namespace {

using namespace testing_support;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Kind = Session::Verdict::Kind;

constexpr std::uint32_t kAllNoReply = 0xFF080;

// ---- versions and steps ----

TEST(MilterClient, AFilterOfALowerVersionGetsNoEventThatItsVersionLacks) {
  for (const std::uint32_t version : {2, 3, 4}) {
    Session::Settings settings;  // with macros: those of such an event are not sent either
    Mta mta(0, version, settings);
    mta.mail(), mta.pass();
    mta.session.unknown("FOO", mta.macros);
    EXPECT_EQ(mta.waits(), version >= 3);
    if (version >= 3) mta.hear(packet('c'));
    EXPECT_EQ(mta.sent().size(), version >= 3 ? 1U : 0U);
    mta.rcpt(), mta.pass();
    mta.session.data(mta.macros);
    EXPECT_EQ(mta.waits(), version >= 4);
    EXPECT_EQ(mta.sent().size(), version >= 4 ? 2U : 0U);
  }
}

TEST(MilterClient, AFilterOfVersion6OnlyWorks) {
  Mta mta(0, 6);
  mta.connect();
  EXPECT_THAT(mta.sent(), ElementsAre("Cmx.example|4\x09\xDD"
                                      "192.0.2.1|"));
  EXPECT_EQ(mta.hear(packet('c')).kind, Kind::go_on);
}

TEST(MilterClient, AllNrStepsMeanThatNothingIsWaitedForButTheEndOfMessage) {
  Mta mta(kAllNoReply);
  mta.connect();
  EXPECT_FALSE(mta.waits());
  mta.helo();
  EXPECT_FALSE(mta.waits());
  mta.mail();
  EXPECT_FALSE(mta.waits());
  mta.rcpt();
  EXPECT_FALSE(mta.waits());
  mta.session.unknown("FOO", mta.macros);
  EXPECT_FALSE(mta.waits());
  mta.session.data(mta.macros);
  EXPECT_FALSE(mta.waits());
  mta.session.header("A: b", mta.macros);
  EXPECT_FALSE(mta.waits());
  mta.session.end_of_headers(mta.macros);
  EXPECT_FALSE(mta.waits());
  {
    const std::string chunk = "body\r\n";
    mta.session.body(chunk, mta.macros);
    EXPECT_FALSE(mta.waits());
    mta.session.end_of_message(mta.macros);
  }
  EXPECT_TRUE(mta.waits());
  EXPECT_THAT(mta.sent(), ElementsAre("Cmx.example|4\x09\xDD"
                                      "192.0.2.1|",
                                      "Hmx.example|", "M<a@a.example>|", "R<b@b.example>|", "UFOO|", "T",
                                      "LA|b|", "N", "Bbody\r\n", "E"));
  EXPECT_EQ(mta.hear(packet('c')).kind, Kind::go_on);
}

TEST(MilterClient, WhatTheFilterDoesNotWantIsNotSentAndAnsweredAtOnce) {
  Mta mta(0x37F);
  mta.connect();
  EXPECT_FALSE(mta.waits());
  mta.until_end_of_message();
  EXPECT_TRUE(mta.waits()) << "the end of a message always comes";
  EXPECT_FALSE(mta.session.wants(Command::body));
}

// ---- macros ----

TEST(MilterClient, MacrosTravelBeforeTheirEventByPostfixsLists) {
  Mta mta(0, 6, {});
  mta.macros.set("j", "hub.example");
  mta.macros.set("v", "Hikyaku");
  mta.macros.set("{nobody_asks}", "x");
  mta.connect();
  EXPECT_EQ(mta.sent()[0], "DCj|hub.example|v|Hikyaku|");
  mta.pass();
  mta.helo();
  EXPECT_THAT(mta.sent(), ElementsAre("DH", "Hmx.example|")) << "none has a value: the old ones end";
}

TEST(MilterClient, MacrosTravelEvenWhereTheirEventIsSuppressed) {
  Mta mta(step::no_connect | step::no_headers | step::no_body, 6, {});
  mta.macros.set("j", "hub.example");
  mta.connect();
  EXPECT_FALSE(mta.waits());
  EXPECT_THAT(mta.sent(), ElementsAre("DCj|hub.example|"));
}

TEST(MilterClient, TheFiltersListOverridesOurs) {
  const std::string overrides = number(0) + "{daemon_name} nothing" + '\0' + number(3) + '\0';
  Mta mta(0, 6, {}, overrides);
  mta.macros.set("j", "hub.example");
  mta.macros.set("daemon_name", "smtpd");
  mta.macros.set("{rcpt_addr}", "b@b.example");
  mta.connect();
  EXPECT_EQ(mta.sent()[0], "DC{daemon_name}|smtpd|");
  mta.pass();
  mta.mail(), mta.pass();
  mta.rcpt();
  EXPECT_EQ(mta.sent()[0], "DR{rcpt_addr}|b@b.example|") << "an empty list is none, as for Postfix";
}

TEST(MilterClient, AMultiplexerHandsOnAllMacrosThatItWasTold) {
  Session::Settings settings;
  settings.macros.reset();
  Mta mta(0, 6, settings, number(1) + "{cipher}" + std::string(1, '\0'));
  mta.connect();
  EXPECT_THAT(mta.sent(), ElementsAre(HasSubstr("Cmx.example"))) << "it was told none";
  mta.pass();
  mta.macros.set("{anything}", "x");
  mta.macros.set("{cipher}", "y");
  mta.helo();
  EXPECT_EQ(mta.sent()[0], "DH{cipher}|y|") << "the filter's own list";
  mta.pass();
  mta.mail();
  EXPECT_EQ(mta.sent()[0], "DM{anything}|x|{cipher}|y|");
}

TEST(MilterClient, TheQueueIdTravelsFromTheFirstAcceptedRecipientOn) {
  Mta mta(0, 6, {});
  mta.macros.sender("a@a.example", "a.example", "smtp");
  mta.mail();
  EXPECT_EQ(mta.sent()[0], "DM{mail_addr}|a@a.example|{mail_host}|a.example|{mail_mailer}|smtp|");
  mta.pass();
  mta.macros.recipient("b@b.example", "b.example", "smtp");
  mta.rcpt();
  EXPECT_EQ(mta.sent()[0], "DR{rcpt_addr}|b@b.example|{rcpt_host}|b.example|{rcpt_mailer}|smtp|");
  mta.pass();
  mta.macros.accepted_recipient("4QfX");
  mta.rcpt();
  EXPECT_THAT(mta.sent()[0], HasSubstr("DRi|4QfX|"));
  mta.pass();
  mta.session.data(mta.macros);
  EXPECT_EQ(mta.sent()[0], "DTi|4QfX|");
}

TEST(MilterClient, HeadersAndBodyHaveTheirMacrosOnceAsPostfixsFiltersExpect) {
  Mta mta(0, 6, {});
  mta.macros.set("i", "4Q");
  mta.mail(), mta.pass();
  mta.session.header("A: b", mta.macros);
  EXPECT_THAT(mta.sent(), ElementsAre("DLi|4Q|", "LA|b|"));
  mta.pass();
  mta.session.header("A: c", mta.macros);
  EXPECT_THAT(mta.sent(), ElementsAre("LA|c|"));
  mta.pass();
  mta.session.end_of_headers(mta.macros);
  EXPECT_THAT(mta.sent(), ElementsAre("DNi|4Q|", "N"));
  mta.pass();
  mta.session.body("x", mta.macros);
  EXPECT_THAT(mta.sent(), ElementsAre("DBi|4Q|", "Bx"));
  mta.pass();
  mta.session.end_of_message(mta.macros);
  EXPECT_THAT(mta.sent(), ElementsAre("DEi|4Q|", "E"));
}

// ---- what is sent ----

TEST(MilterClient, AnUnresolvedClientNameIsItsAddressInBrackets) {
  for (const std::string_view name : {"", "unknown"}) {
    Mta mta;
    mta.session.connect(name, {ClientAddress::Family::inet, 25, "1.2.3.4"}, mta.macros);
    EXPECT_THAT(mta.sent(), ElementsAre(std::string("C[1.2.3.4]|4|\x19", 14) + "1.2.3.4|"));
  }
  Mta mta;
  mta.session.connect("unknown", {}, mta.macros);
  EXPECT_THAT(mta.sent(), ElementsAre("Cunknown|U")) << "no address, no port";
}

TEST(MilterClient, AnIpv6AddressIsSentWithoutItsPrefix) {
  Mta mta;
  mta.session.connect("a", {ClientAddress::Family::inet6, 25, "2001:db8::1"}, mta.macros);
  EXPECT_THAT(mta.sent(), ElementsAre(std::string("Ca|6|\x19") + "2001:db8::1|"));
}

TEST(MilterClient, ParametersOfMailAndRcptReachTheFilter) {
  Mta mta;
  const std::vector<std::string> mail{"SIZE=12", "BODY=8BITMIME"}, rcpt{"NOTIFY=NEVER"};
  mta.session.mail("<a@a>", mail, mta.macros);
  EXPECT_THAT(mta.sent(), ElementsAre("M<a@a>|SIZE=12|BODY=8BITMIME|"));
  mta.pass();
  mta.session.rcpt("<b@b>", rcpt, Session::Recipient::accepted, mta.macros);
  EXPECT_THAT(mta.sent(), ElementsAre("R<b@b>|NOTIFY=NEVER|"));
}

TEST(MilterClient, WithoutHdrLeadspcExactlyOneSpaceIsTakenOffAndWithItValuesAreVerbatim) {
  for (const bool kept : {false, true}) {
    Mta mta(kept ? step::header_leading_space : 0);
    mta.mail(), mta.pass();
    mta.session.header("A:  two\r\n\tfolded", mta.macros);
    EXPECT_THAT(mta.sent(), ElementsAre(kept ? "LA|  two\n\tfolded|" : "LA| two\n\tfolded|"));
    mta.pass();
    mta.session.header("B:\ttab", mta.macros);
    EXPECT_THAT(mta.sent(), ElementsAre("LB|\ttab|"));
    EXPECT_EQ(mta.session.leading_space(), kept ? LeadingSpace::kept : LeadingSpace::taken_off);
  }
}

TEST(MilterClient, ChunksHaveAtMost65535OctetsAndAreNotCopied) {
  Mta mta;
  mta.mail(), mta.pass();
  const std::string body(70000, 'x');
  EXPECT_EQ(mta.session.body(body, mta.macros), 65535U);
  const auto output = mta.session.take_output();
  EXPECT_EQ(output.head, std::string_view("\0\1\0\0B", 5));
  EXPECT_EQ(output.body.data(), body.data());
  EXPECT_EQ(output.body.size(), 65535U);
  mta.hear(packet('c'));
  EXPECT_EQ(mta.session.body(std::string_view(body).substr(65535), mta.macros), 70000U - 65535U);
  EXPECT_EQ(mta.session.body("", mta.macros), 0U);
}

TEST(MilterClient, AHeaderTooLargeForAPacketIsCutForTheFilterAndTheMailIsNotLost) {
  Mta mta;
  mta.mail(), mta.pass();
  mta.session.header("X-Large: " + std::string(100000, 'x'), mta.macros);
  const auto sent = mta.sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].size(), 65536U) << "with its kind";
  EXPECT_EQ(mta.hear(packet('c')), Session::Verdict{});
  EXPECT_THAT(
      mta.session.notes(),
      ElementsAre("the header X-Large of 100000 octets was cut to 65526 for the filter, which takes packets "
                  "of 65535"));
}

TEST(MilterClient, ALineThatIsNoHeaderIsNotSent) {
  Mta mta;
  mta.mail(), mta.pass();
  mta.session.header("From somebody", mta.macros);
  EXPECT_FALSE(mta.waits());
  EXPECT_THAT(mta.sent(), IsEmpty());
}

}  // namespace
}  // namespace hikyaku::milter
