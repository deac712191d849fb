// What the MTA's end makes of what filters answer, and of filters that fail.
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

TEST(MilterClient, AnUnusableReplyIsAFaultOfTheConfiguration) {
  for (const std::string_view reply : {"250 2.0.0 ok|", "550-a\r\n551 b|", "550 4.7.1 no|", "550|"}) {
    Mta mta;
    mta.mail();
    const auto verdict = mta.hear(packet('y', reply));
    EXPECT_EQ(verdict.reply, SmtpReply::misconfigured());
    EXPECT_THAT(verdict.failure, HasSubstr("the reply '"));
    EXPECT_EQ(std::get<Session::Verdict>(mta.session.next()), verdict) << "for the rest of the connection";
  }
}

TEST(MilterClient, OfTheDefaultActionsAcceptAndQuarantineHoldForAnUnusableReply) {
  for (const auto& [action, kind] :
       {std::pair{DefaultAction::accept, Kind::accept},
        std::pair{DefaultAction::quarantine, Kind::quarantine}, std::pair{DefaultAction::reject, Kind::reply},
        std::pair{DefaultAction::tempfail, Kind::reply}, std::pair{DefaultAction::shutdown, Kind::reply}}) {
    Session::Settings settings;
    settings.default_action = action;
    Mta mta(0, 6, settings);
    mta.mail();
    const auto verdict = mta.hear(packet('y', "550|"));
    EXPECT_EQ(verdict.kind, kind);
    if (kind == Kind::reply) EXPECT_EQ(verdict.reply, SmtpReply::misconfigured());
  }
}

TEST(MilterClient, AfterAnUnusableReplyToAMessageTheDefaultActionHolds) {
  Session::Settings settings;
  settings.default_action = DefaultAction::reject;
  Mta mta(0, 6, settings);
  mta.until_end_of_message();
  EXPECT_EQ(mta.hear(packet('y', "550|")).reply, SmtpReply::misconfigured());
  mta.session.abort();
  mta.mail();
  const auto event = mta.session.next();
  ASSERT_TRUE(std::holds_alternative<Session::Verdict>(event));
  EXPECT_EQ(std::get<Session::Verdict>(event).reply.line(), "550 5.5.0 Service unavailable");
}

TEST(MilterClient, AFilterThatIsConfiguredWrongIsNotAsked) {
  Session::Settings settings;
  Session session(settings);
  session.misconfigured("a line\nbreak");
  const auto event = session.next();
  ASSERT_TRUE(std::holds_alternative<Session::Verdict>(event));
  EXPECT_EQ(std::get<Session::Verdict>(event).reply, SmtpReply::misconfigured());
  EXPECT_EQ(std::get<Session::Verdict>(event).failure, "a line\\x0abreak");
  EXPECT_TRUE(session.broken());
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
  settings.limits.edit_octets = 10000;
  Mta mta(0, 6, settings);
  mta.until_end_of_message();
  std::string many;
  for (int i = 0; i < 200; ++i) many += packet('h', "X|y|");
  mta.session.feed(many);
  const auto verdict = mta.verdict();
  EXPECT_EQ(verdict.failure, "the changes to one message have more than 10000 octets");
  EXPECT_LT(mta.edits.size(), 200U);
  settings.limits.edits = 2;
  Mta few(0, 6, settings);
  few.until_end_of_message();
  EXPECT_EQ(few.hear(packet('h', "X|y|") + packet('q', "x|") + packet('h', "X|y|")).failure,
            "more than 2 changes to one message");
  EXPECT_EQ(few.edits.size(), 2U);
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
