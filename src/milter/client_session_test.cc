// The MTA's end against filters of all kinds. What the filter says arrives one octet at a time.
#include "milter/client_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "milter/packet_text.h"

namespace hikyaku::milter {
namespace {

using namespace testing_support;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Session = ClientSession;
using Kind = Session::Verdict::Kind;

constexpr std::uint32_t kAllNoReply = 0xFF080;
const ClientAddress kClient{ClientAddress::Family::inet, 2525, "192.0.2.1"};

/// An MTA in front of one filter.
class Mta {
 public:
  explicit Mta(std::uint32_t steps = 0, std::uint32_t version = 6, Session::Settings settings = quiet(),
               std::string_view lists = {})
      : settings_(std::move(settings)), session(settings_) {
    const auto verdict = hear(negotiation(version, 0x1FF, steps, lists));
    EXPECT_EQ(verdict.failure, "");
    sent();
  }
  /// No macros, so that the packets of events stand alone.
  static Session::Settings quiet() {
    Session::Settings settings;
    settings.macros = MacroLists{};
    return settings;
  }
  static Session::Settings with(DefaultAction action) {
    auto settings = quiet();
    settings.default_action = action;
    return settings;
  }

  /// The filter says this, and the event is answered.
  Session::Verdict hear(std::string_view octets) {
    for (const char octet : octets) {
      const auto event = step();
      if (std::holds_alternative<Session::Verdict>(event)) {
        ADD_FAILURE() << "answered before the filter was heard out";
        return std::get<Session::Verdict>(event);
      }
      session.feed(std::string_view(&octet, 1));
    }
    return verdict();
  }
  /// The event is answered with what was heard before.
  Session::Verdict verdict() {
    auto event = step();
    if (auto* given = std::get_if<Session::Verdict>(&event)) return *given;
    ADD_FAILURE() << "no answer: the filter is waited for";
    return {};
  }
  /// Whether the filter is waited for.
  bool waits() {
    auto event = step();
    if (const auto* need = std::get_if<Session::NeedBytes>(&event)) timeout = need->timeout;
    return std::holds_alternative<Session::NeedBytes>(event);
  }
  std::vector<std::string> sent() {
    auto output = session.take_output();
    return packets(output.head.append(output.body));
  }

  void connect() { session.connect("mx.example", kClient, macros); }
  void helo() { session.helo("mx.example", macros); }
  void mail() { session.mail("<a@a.example>", {}, macros); }
  void rcpt(Session::Recipient recipient = Session::Recipient::accepted) {
    session.rcpt("<b@b.example>", {}, recipient, macros);
  }
  /// Up to here the filter has nothing against anything.
  void until_end_of_message() {
    mail(), pass();
    rcpt(), pass();
    session.data(macros), pass();
    session.header("Subject: x", macros), pass();
    session.end_of_headers(macros), pass();
    session.body("body\r\n", macros), pass();
    session.end_of_message(macros);
    sent();
  }
  void pass() {
    if (waits()) EXPECT_EQ(hear(packet('c')), Session::Verdict{});
    sent();
  }

 private:
  Session::Event step() {
    for (;;) {
      auto event = session.next();
      auto* edit = std::get_if<Edit>(&event);
      if (edit == nullptr) {
        if (const auto* need = std::get_if<Session::NeedBytes>(&event)) renewals += need->renewed ? 1 : 0;
        return event;
      }
      edits.push_back(*edit);
    }
  }
  Session::Settings settings_;

 public:
  Session session;
  MacroTable macros;
  std::vector<Edit> edits;
  Session::Timeout timeout{};
  int renewals = 0;
};

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
  EXPECT_THAT(mta.sent(), ElementsAre("R<b@b.example>|")) << "an empty list";
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

// ---- answers ----

TEST(MilterClient, SkipEndsOneKindOfEventForTheMessage) {
  Mta mta(step::skip);
  mta.mail(), mta.pass();
  mta.session.body("a", mta.macros);
  mta.sent();
  EXPECT_EQ(mta.hear(packet('s')).kind, Kind::go_on);
  EXPECT_FALSE(mta.session.wants(Command::body));
  mta.session.body("b", mta.macros);
  EXPECT_FALSE(mta.waits());
  EXPECT_THAT(mta.sent(), IsEmpty());
  mta.session.end_of_message(mta.macros);
  EXPECT_THAT(mta.sent(), ElementsAre("E"));
  mta.pass();
  mta.mail(), mta.pass();
  mta.session.body("c", mta.macros);
  EXPECT_THAT(mta.sent(), ElementsAre("Bc")) << "another message";
}

TEST(MilterClient, ProgressRenewsTheTimeout) {
  Mta mta;
  mta.until_end_of_message();
  mta.waits();
  const auto before = mta.renewals;
  for (const char octet : packet('p')) {
    EXPECT_TRUE(mta.waits());
    EXPECT_EQ(mta.renewals, before) << "a part of a packet renews nothing";
    mta.session.feed(std::string_view(&octet, 1));
  }
  EXPECT_TRUE(mta.waits());
  EXPECT_EQ(mta.renewals, before + 1);
  EXPECT_EQ(mta.hear(packet('c')).kind, Kind::go_on);
}

TEST(MilterClient, TheContentHasATimeoutOfItsOwn) {
  Mta mta;
  mta.mail();
  EXPECT_TRUE(mta.waits());
  EXPECT_EQ(mta.timeout, Session::Timeout::command);
  mta.pass();
  mta.session.header("A: b", mta.macros);
  EXPECT_TRUE(mta.waits());
  EXPECT_EQ(mta.timeout, Session::Timeout::content);
}

TEST(MilterClient, QuarantineIsNotFinal) {
  Mta mta;
  mta.until_end_of_message();
  const auto verdict = mta.hear(packet('q', "a virus|") + packet('h', "X|y|") + packet('c'));
  EXPECT_EQ(verdict.kind, Kind::go_on);
  EXPECT_THAT(mta.edits, ElementsAre(Edit(Quarantine{"a virus"}), Edit(AddHeader{"X", "y"})));
}

TEST(MilterClient, QuarantineMayComeBeforeTheEndOfTheMessage) {
  Mta mta;
  mta.mail(), mta.pass();
  mta.session.header("A: b", mta.macros);
  EXPECT_EQ(mta.hear(packet('q', "why|") + packet('c')).kind, Kind::go_on);
  EXPECT_EQ(mta.edits.size(), 1U);
}

TEST(MilterClient, AReplyIsTakenInTheFiltersWords) {
  Mta mta;
  mta.mail();
  const auto verdict = mta.hear(packet('y', "451-4.7.1 100%% full\r\n451 4.7.1 later|"));
  EXPECT_EQ(verdict.kind, Kind::reply);
  EXPECT_EQ(verdict.reply, (SmtpReply{451, "4.7.1", "100% full\nlater"}));
  EXPECT_EQ(verdict.failure, "");
}

TEST(MilterClient, AMalformedReplyIsAnsweredByTheDefaultAction) {
  for (const std::string_view reply : {"250 2.0.0 ok|", "550-a\r\n551 b|", "550 4.7.1 no|"}) {
    Mta mta;
    mta.mail();
    const auto verdict = mta.hear(packet('y', reply));
    EXPECT_EQ(verdict.reply.code, 451);
    EXPECT_THAT(verdict.failure, HasSubstr("the reply '"));
  }
}

TEST(MilterClient, DiscardIsNotAllowedAtConnectAndHelo) {
  Mta mta;
  mta.connect();
  EXPECT_EQ(mta.hear(packet('d')), Session::Verdict{});
  mta.helo();
  EXPECT_EQ(mta.hear(packet('d')), Session::Verdict{});
  EXPECT_THAT(mta.session.notes(),
              ElementsAre(HasSubstr("DISCARD after connect"), HasSubstr("DISCARD after helo")));
  mta.mail();
  EXPECT_EQ(mta.hear(packet('d')).kind, Kind::discard);
  EXPECT_FALSE(mta.session.active());
}

TEST(MilterClient, ARecipientsRejectionIsThatRecipientsAlone) {
  Mta mta;
  mta.mail(), mta.pass();
  mta.rcpt();
  EXPECT_EQ(mta.hear(packet('r')).reply.line(), "550 5.7.1 Command rejected");
  mta.rcpt();
  EXPECT_EQ(mta.hear(packet('t')).reply.line(), "451 4.7.1 Service unavailable - try again later");
  mta.sent();
  mta.rcpt();
  EXPECT_THAT(mta.sent(), ElementsAre("R<b@b.example>|"));
  EXPECT_EQ(mta.hear(packet('c')).kind, Kind::go_on);
}

TEST(MilterClient, RcptRejFiltersSeeRejectedRecipientsWithTheMailerError) {
  Session::Settings settings;
  Mta wants(step::rejected_recipients, 6, settings);
  wants.mail(), wants.pass();
  wants.macros.rejected_recipient("5.1.1", "no such user");
  wants.rcpt(Session::Recipient::rejected);
  EXPECT_THAT(wants.sent(), ElementsAre("DR{rcpt_addr}|no such user|{rcpt_host}|5.1.1|{rcpt_mailer}|error|",
                                        "R<b@b.example>|"));
  EXPECT_EQ(wants.hear(packet('y', "451 x|")).kind, Kind::go_on) << "the MTA's own answer stands";
  Mta others(0, 6, settings);
  others.mail(), others.pass();
  others.rcpt(Session::Recipient::rejected);
  EXPECT_FALSE(others.waits());
  EXPECT_THAT(others.sent(), IsEmpty());
}

TEST(MilterClient, AcceptBeforeMailEndsTheFilterForTheConnection) {
  for (const bool at_helo : {false, true}) {
    Mta mta;
    if (at_helo) mta.connect(), mta.pass();
    at_helo ? mta.helo() : mta.connect();
    mta.sent();
    EXPECT_EQ(mta.hear(packet('a')).kind, Kind::accept);
    for (int message = 0; message < 2; ++message) {
      mta.mail();
      EXPECT_EQ(mta.verdict().kind, Kind::accept);
      mta.session.end_of_message(mta.macros);
      EXPECT_EQ(mta.verdict().kind, Kind::accept);
    }
    EXPECT_THAT(mta.sent(), IsEmpty());
    mta.session.quit();
    EXPECT_THAT(mta.sent(), ElementsAre("Q"));
  }
}

TEST(MilterClient, AcceptFromMailOnEndsTheFilterForTheMessage) {
  Mta mta;
  mta.mail(), mta.pass();
  mta.rcpt();
  mta.sent();
  EXPECT_EQ(mta.hear(packet('a')).kind, Kind::accept);
  EXPECT_FALSE(mta.session.active());
  mta.session.header("A: b", mta.macros);
  EXPECT_EQ(mta.verdict().kind, Kind::go_on);
  mta.session.end_of_message(mta.macros);
  EXPECT_EQ(mta.verdict().kind, Kind::go_on);
  EXPECT_THAT(mta.sent(), IsEmpty());
  mta.mail();
  EXPECT_THAT(mta.sent(), ElementsAre("A", "M<a@a.example>|"));
}

TEST(MilterClient, ARejectionBeforeMailHoldsForTheConnection) {
  Mta mta;
  mta.connect();
  mta.sent();
  EXPECT_EQ(mta.hear(packet('y', "554 5.7.1 go away|")).reply.text, "go away");
  mta.helo();
  EXPECT_EQ(mta.verdict().reply.code, 554);
  mta.mail();
  EXPECT_EQ(mta.verdict().reply.code, 554);
  EXPECT_THAT(mta.sent(), IsEmpty());
}

TEST(MilterClient, ShutdownGives421) {
  Mta mta;
  mta.mail(), mta.pass();
  mta.rcpt();
  const auto verdict = mta.hear(packet('4'));
  EXPECT_EQ(verdict.kind, Kind::shutdown);
  EXPECT_EQ(verdict.reply.code, 421);
  mta.rcpt();
  EXPECT_EQ(mta.verdict().kind, Kind::shutdown) << "for the rest of the connection";
  Mta other;
  other.mail();
  EXPECT_EQ(other.hear(packet('y', "421 4.3.2 closing|")).kind, Kind::shutdown);
}

TEST(MilterClient, ConnFailIsAnsweredByTheDefaultAction) {
  Mta mta;
  mta.connect();
  EXPECT_THAT(mta.hear(packet('f')).failure, HasSubstr("CONN_FAIL"));
}

TEST(MilterClient, AbortComesBeforeTheNextMessage) {
  Mta mta;
  mta.mail(), mta.pass();
  mta.rcpt(), mta.pass();
  mta.mail();
  EXPECT_THAT(mta.sent(), ElementsAre("A", "M<a@a.example>|"));
  mta.hear(packet('r'));
  mta.session.abort();
  EXPECT_THAT(mta.sent(), ElementsAre("A"));
  mta.session.abort();
  EXPECT_THAT(mta.sent(), IsEmpty()) << "nothing is open any more";
  mta.until_end_of_message();
  mta.hear(packet('c'));
  mta.mail();
  EXPECT_THAT(mta.sent(), ElementsAre("M<a@a.example>|")) << "the last one was through";
}

TEST(MilterClient, QuitNcIsNotSentByUs) {
  Mta mta;
  mta.connect(), mta.pass();
  mta.session.quit();
  EXPECT_THAT(mta.sent(), ElementsAre("Q"));
  mta.session.quit();
  EXPECT_THAT(mta.sent(), IsEmpty());
}

// ---- edits ----

TEST(MilterClient, EditsComeInTheirOrderBeforeTheVerdict) {
  Mta mta;
  mta.until_end_of_message();
  const auto verdict =
      mta.hear(packet('h', "X|y|") + packet('i', number(0) + "X|z|") + packet('m', number(1) + "X||") +
               packet('e', "<c@c>|RET=HDRS|") + packet('+', "<d@d>|") + packet('2', "<e@e>|NOTIFY=NEVER|") +
               packet('-', "<b@b>|") + packet('b', "new") + packet('b', " body\r\n") + packet('a'));
  EXPECT_EQ(verdict.kind, Kind::accept);
  EXPECT_THAT(mta.edits, ElementsAre(AddHeader{"X", "y"}, InsertHeader{0, "X", "z"}, ChangeHeader{1, "X", ""},
                                     ChangeSender{"<c@c>", "RET=HDRS"}, AddRecipient{"<d@d>", {}},
                                     AddRecipient{"<e@e>", "NOTIFY=NEVER"}, RemoveRecipient{"<b@b>"},
                                     ReplaceBody{"new"}, ReplaceBody{" body\r\n"}));
}

TEST(MilterClient, NoEditsAreTakenInterleavedInBodyReplacementChunks) {
  Mta mta;
  mta.until_end_of_message();
  const auto verdict = mta.hear(packet('b', "new") + packet('h', "X|y|") + packet('b', "body"));
  EXPECT_EQ(verdict.reply.code, 451);
  EXPECT_EQ(verdict.failure, "the filter put other changes between the chunks of a new body");
}

TEST(MilterClient, AnEditOutOfTurnIsAnsweredByTheDefaultAction) {
  Mta mta;
  mta.mail();
  EXPECT_EQ(mta.hear(packet('h', "X|y|")).failure,
            "the filter asks for 'add header' after mail, not at the end of the message");
}

TEST(MilterClient, EndlessEditsAreBounded) {
  auto settings = Mta::quiet();
  settings.limits.edits = 10000;
  Mta mta(0, 6, settings);
  mta.until_end_of_message();
  std::string many;
  for (int i = 0; i < 200; ++i) many += packet('h', "X|y|");
  mta.session.feed(many);
  const auto verdict = mta.verdict();
  EXPECT_EQ(verdict.failure, "the changes to one message have more than 10000 octets");
  EXPECT_LT(mta.edits.size(), 200U);
}

// ---- faults ----

TEST(MilterClient, SilenceIsAnsweredByTheDefaultAction) {
  struct Row {
    const char* word;
    Kind kind;
    int code;
  };
  for (const auto& row :
       {Row{"accept", Kind::accept, 0}, Row{"reject", Kind::reply, 550}, Row{"tempfail", Kind::reply, 451},
        Row{"quarantine", Kind::quarantine, 0}, Row{"shutdown", Kind::shutdown, 421}}) {
    SCOPED_TRACE(row.word);
    Mta mta(0, 6, Mta::with(parse_default_action(row.word).value()));
    mta.mail();
    EXPECT_TRUE(mta.waits());
    mta.sent();
    mta.session.timed_out();
    auto verdict = mta.verdict();
    EXPECT_EQ(verdict.kind, row.kind);
    EXPECT_EQ(verdict.reply.code, row.code);
    EXPECT_EQ(verdict.failure, "no answer to mail within milter_command_timeout");
    mta.rcpt();
    EXPECT_EQ(mta.verdict(), verdict) << "and for the rest of the connection";
    mta.session.quit();
    EXPECT_THAT(mta.sent(), IsEmpty()) << "nothing is said to a filter that failed";
  }
  EXPECT_FALSE(parse_default_action("drop"));
}

TEST(MilterClient, UnknownOctetsAreAnsweredByTheDefaultAction) {
  Mta mta;
  mta.mail();
  EXPECT_EQ(mta.hear(packet('\x01')).failure, "the octet '\\x01' is no answer to mail");
}

TEST(MilterClient, ALengthThatIsNoneIsAnsweredByTheDefaultAction) {
  Mta mta;
  mta.mail();
  EXPECT_THAT(mta.hear("HTTP").failure, HasSubstr("is this a milter?"));
}

TEST(MilterClient, AnAnswerWithDataThatItDoesNotHaveIsAnsweredByTheDefaultAction) {
  Mta mta;
  mta.mail();
  EXPECT_EQ(mta.hear(packet('c', "x")).failure,
            "the answer 'continue' to mail came with 1 octets that it does not have");
}

TEST(MilterClient, AnAnswerBeforeItsEventIsAnsweredByTheDefaultAction) {
  Mta mta;
  mta.mail();
  mta.session.feed(packet('c') + packet('c'));
  EXPECT_EQ(mta.verdict().failure, "");
  mta.rcpt();
  EXPECT_EQ(mta.verdict().failure, "the filter spoke before rcpt, out of turn");
}

TEST(MilterClient, AnEventBeforeTheLastOneIsAnsweredIsAnsweredByTheDefaultAction) {
  Mta mta;
  mta.mail();
  mta.rcpt();
  EXPECT_EQ(mta.verdict().failure, "mail was not answered before rcpt");
  EXPECT_TRUE(mta.session.broken());
  const auto settings = Mta::quiet();
  Session early(settings);
  early.connect("a", kClient, {});
  const auto event = early.next();
  ASSERT_TRUE(std::holds_alternative<Session::Verdict>(event));
  EXPECT_EQ(std::get<Session::Verdict>(event).failure, "negotiation was not answered before connect");
}

TEST(MilterClient, ACloseInMidPacketIsAnsweredByTheDefaultAction) {
  Mta mta;
  mta.until_end_of_message();
  mta.session.feed(packet('h', "X|y|").substr(0, 6));
  EXPECT_TRUE(mta.waits());
  mta.session.connection_lost("the filter closed the connection");
  EXPECT_EQ(mta.verdict().failure, "the filter closed the connection (at end of message)");
}

TEST(MilterClient, ANegotiationThatFailsIsAnsweredByTheDefaultAction) {
  const auto settings = Mta::quiet();
  struct Row {
    std::string said;
    const char* failure;
  };
  for (const auto& row :
       {Row{negotiation(7, 0, 0), "version 7"}, Row{negotiation(6, 0x200, 0), "0x200"},
        Row{packet('c'), "answered the negotiation with 'continue'"}, Row{packet('O', "x"), "octet 0"}}) {
    Session session(settings);
    EXPECT_TRUE(std::holds_alternative<Session::NeedBytes>(session.next()));
    session.feed(row.said);
    const auto event = session.next();
    ASSERT_TRUE(std::holds_alternative<Session::Verdict>(event));
    EXPECT_THAT(std::get<Session::Verdict>(event).failure, HasSubstr(row.failure));
    EXPECT_EQ(std::get<Session::Verdict>(event).reply.code, 451);
  }
}

TEST(MilterClient, ARefusedConnectionIsAnsweredByTheDefaultAction) {
  const auto settings = Mta::quiet();
  Session session(settings);
  session.connection_lost("connect to inet:127.0.0.1:1: connection refused");
  const auto event = session.next();
  ASSERT_TRUE(std::holds_alternative<Session::Verdict>(event));
  EXPECT_THAT(std::get<Session::Verdict>(event).failure, HasSubstr("connection refused"));
}

}  // namespace
}  // namespace hikyaku::milter
