// A specification of the multiplexer by an MTA and filters that do as they are told.
#include "milter/multiplexer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "milter/multiplexer_for_tests.h"

namespace hikyaku::milter {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using testing_support::Rig;
using testing_support::ScriptedFilter;
using Session = FilterSession;
using Answer = Session::Answer;
using Kind = ClientSession::Verdict::Kind;
using Way = ScriptedFilter::Way;
using State = ChildReport::State;
using namespace std::chrono_literals;

/// Does this at one event.
template <class Event, class Do>
ScriptedFilter::Act at(Do what) {
  return [what](Session& session, const Session::Event& event) {
    if (std::holds_alternative<Event>(event)) what(session);
  };
}
template <class Event>
ScriptedFilter::Act answers(Answer answer) {
  return at<Event>([answer](Session& session) { session.answer(answer); });
}
template <class Event>
ScriptedFilter::Act replies(SmtpReply reply) {
  return at<Event>([reply](Session& session) { session.answer(reply); });
}
ScriptedFilter::Act edits(std::vector<Edit> all) {
  return at<Session::EndOfMessage>([all](Session& session) {
    for (const auto& edit : all) EXPECT_TRUE(session.edit(edit));
  });
}
const SmtpReply kNo{550, "5.7.1", "no"}, kNever{554, "5.7.0", "never"}, kLater{451, "4.7.1", "later"};

// ---- negotiation ----

TEST(MultiplexerNegotiation, WithoutChildrenTheMtaIsAskedForNothing) {
  Rig rig(0);
  EXPECT_EQ(rig.mta->agreement().actions, 0U);
  const auto out = step::all & ~(step::skip | step::rejected_recipients | step::header_leading_space);
  EXPECT_EQ(rig.mta->agreement().steps & out, out);
  EXPECT_EQ(rig.message(), ClientSession::Verdict{});
}

struct AloneCase {
  const char* name;
  Multiplexer::Fallback fallback;
  Kind at_connect, at_mail;
};
class MultiplexerAlone : public testing::TestWithParam<AloneCase> {};
TEST_P(MultiplexerAlone, GivesItsFallbackWithoutChildren) {
  const auto& [name, fallback, at_connect, at_mail] = GetParam();
  Rig rig(0, [&](Rig& one) { one.settings.alone = fallback; });
  EXPECT_EQ(rig.connect().kind, at_connect);
  rig.helo();
  EXPECT_EQ(rig.mail().kind, at_mail);
}
INSTANTIATE_TEST_SUITE_P(
    , MultiplexerAlone,
    testing::Values(AloneCase{"tempfail", Multiplexer::Fallback::tempfail, Kind::reply, Kind::reply},
                    AloneCase{"reject", Multiplexer::Fallback::reject, Kind::reply, Kind::reply},
                    AloneCase{"discard", Multiplexer::Fallback::discard, Kind::go_on, Kind::discard}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(MultiplexerNegotiation, WhatNoChildWantsIsNotAskedFor) {
  Rig rig(2, [](Rig& one) {
    one.filters[0].wishes.steps = step::no_helo | step::no_body | step::no_reply_header | step::no_unknown;
    one.filters[0].wishes.actions = action::add_headers;
    one.filters[1].wishes.steps = step::no_helo | step::no_headers | step::no_reply_connect;
    one.filters[1].wishes.actions = action::quarantine;
  });
  const auto& agreement = rig.mta->agreement();
  EXPECT_EQ(agreement.actions, action::add_headers | action::quarantine);
  EXPECT_FALSE(agreement.sends(Command::helo));
  EXPECT_TRUE(agreement.sends(Command::body));
  EXPECT_TRUE(agreement.sends(Command::header));
  EXPECT_TRUE(agreement.sends(Command::unknown));
  EXPECT_FALSE(agreement.answers(Command::header)) << "what is said to headers is told later";
  EXPECT_FALSE(agreement.answers(Command::end_of_headers));
  EXPECT_FALSE(agreement.answers(Command::body));
  EXPECT_TRUE(agreement.answers(Command::connect)) << "one of them answers";
  EXPECT_TRUE(agreement.has(step::skip | step::header_leading_space));
}

TEST(MultiplexerNegotiation, ALookerOnAsksForNoActions) {
  Rig rig(1, [](Rig& one) {
    one.filters[0].wishes.actions = action::change_body;
    one.settings.children[0].mode = Multiplexer::Mode::evaluation;
  });
  EXPECT_EQ(rig.mta->agreement().actions, 0U);
}

TEST(MultiplexerNegotiation, WhatTheConditionsNeedIsAskedForAllTheSame) {
  Rig rig(1, [](Rig& one) {
    one.filters[0].wishes.steps = step::no_helo | step::no_connect;
    one.settings.decide = {Command::helo};
  });
  EXPECT_TRUE(rig.mta->agreement().sends(Command::helo));
  EXPECT_FALSE(rig.mta->agreement().answers(Command::helo));
  EXPECT_FALSE(rig.mta->agreement().sends(Command::connect));
}

TEST(MultiplexerNegotiation, MacroListsAreJoinedAndEachChildIsToldItsOwn) {
  Rig rig(2, [](Rig& one) {
    one.filters[0].wishes.macros[static_cast<std::size_t>(Stage::mail)] = MacroNames{"{auth_authen}", "j"};
    one.filters[0].act = at<Session::Mail>([](Session& session) {
      EXPECT_EQ(session.macro("{auth_authen}"), "joe");
      EXPECT_EQ(session.macro("j"), "hub.example");
      EXPECT_EQ(session.macros(Stage::mail).value("i"), std::nullopt) << "is not on its list";
    });
    one.filters[1].act = at<Session::Mail>([](Session& session) {
      EXPECT_EQ(session.macros(Stage::mail).value("{mail_addr}"), "a@a.example") << "Postfix's own list";
    });
  });
  rig.macros.set("{auth_authen}", "joe");
  rig.macros.set("j", "hub.example");
  rig.macros.set("i", "4Q1");
  rig.macros.set("{mail_addr}", "a@a.example");
  rig.envelope();
  EXPECT_THAT(*rig.mta->agreement().macros[static_cast<std::size_t>(Stage::mail)],
              testing::IsSupersetOf({"{auth_authen}", "j", "i", "{mail_addr}"}));
}

TEST(MultiplexerNegotiation, AChildOfAnOlderVersionGetsNoEventThatItsVersionLacks) {
  Rig rig(2, [](Rig& one) { one.filters[0].wishes.version = 2; });
  rig.message();
  EXPECT_THAT(rig.filters[0].heard, Not(Contains("data")));
  EXPECT_THAT(rig.filters[1].heard, Contains("data"));
}

TEST(MultiplexerNegotiation, MacrosOfAnEventThatWasLeftOutReachTheChildren) {
  Rig rig(1, [](Rig& one) {
    one.filters[0].wishes.steps = step::no_helo;
    one.filters[0].act =
        at<Session::Mail>([](Session& session) { EXPECT_EQ(session.macro("{tls_version}"), "TLSv1.3"); });
  });
  rig.macros.set("{tls_version}", "TLSv1.3");
  rig.connect(), rig.helo(), rig.mail();
  EXPECT_THAT(rig.filters[0].heard, ElementsAre("connect mx.example", "mail <a@a.example>"));
}

// ---- the envelope ----

TEST(MultiplexerEnvelope, EveryChildIsToldAllAndItsParameters) {
  Rig rig(2);
  rig.connect(), rig.helo(), rig.mail({"SIZE=12", "RET=HDRS"});
  rig.rcpt("<b@b.example>", {"NOTIFY=NEVER"});
  for (const auto& filter : rig.filters)
    EXPECT_THAT(filter.heard,
                ElementsAre("connect mx.example", "helo mx.example", "mail <a@a.example> SIZE=12 RET=HDRS",
                            "rcpt <b@b.example> NOTIFY=NEVER"));
}

TEST(MultiplexerEnvelope, ChildrenAreToldAtTheSameTimeAndTheStrongestVerdictIsTheAnswer) {
  Rig rig(3, [](Rig& one) {
    one.filters[0].act = replies<Session::Mail>(kLater);
    one.filters[1].act = replies<Session::Mail>(kNo);
    one.filters[2].act = replies<Session::Mail>(kNever);
  });
  rig.connect(), rig.helo();
  rig.filters[0].way = Way::hangs;
  rig.mail();
  EXPECT_TRUE(rig.waits);
  EXPECT_THAT(rig.filters[2].heard, Contains("mail <a@a.example>")) << "it is not waited for the first";
  rig.filters[0].way = Way::answers;
  const auto verdict = rig.hear();
  EXPECT_EQ(verdict.reply, kNo) << "the first of the two that reject";
  ASSERT_EQ(rig.reports.size(), 1U);
  EXPECT_EQ(rig.reports[0].decided_by, 1U);
  EXPECT_EQ(rig.reports[0].at, Command::mail);
  EXPECT_THAT(rig.child(0).answers,
              ElementsAre(testing::Field(&ChildReport::Answer::command, Command::mail)));
}

TEST(MultiplexerEnvelope, ARecipientIsRefusedAlone) {
  Rig rig(2, [](Rig& one) {
    one.filters[1].act = [](Session& session, const Session::Event& event) {
      const auto* rcpt = std::get_if<Session::Rcpt>(&event);
      if (rcpt != nullptr && rcpt->path == "<no@b.example>") session.answer(kNo);
    };
  });
  rig.connect(), rig.helo(), rig.mail();
  EXPECT_EQ(rig.rcpt("<no@b.example>").reply, kNo);
  EXPECT_EQ(rig.rcpt("<b@b.example>"), ClientSession::Verdict{});
  rig.data();
  EXPECT_EQ(rig.content(), ClientSession::Verdict{});
  EXPECT_EQ(rig.child(1).answers.at(0).recipient, "<no@b.example>");
}

TEST(MultiplexerEnvelope, ARejectedRecipientIsToldToTheChildrenThatAskedForIt) {
  Rig rig(2, [](Rig& one) { one.filters[0].wishes.steps = step::rejected_recipients; });
  rig.connect(), rig.helo(), rig.mail();
  rig.macros.rejected_recipient("5.1.1", "no such user");
  rig.mta->rcpt("<x@b.example>", {}, ClientSession::Recipient::rejected, rig.macros);
  EXPECT_EQ(rig.hear(), ClientSession::Verdict{});
  EXPECT_EQ(rig.filters[0].heard.back(), "rejected <x@b.example>");
  EXPECT_EQ(rig.filters[1].heard.back(), "mail <a@a.example>");
}

TEST(MultiplexerEnvelope, OneThatAcceptedBeforeMailSeesNoMoreOfTheConnection) {
  Rig rig(2, [](Rig& one) { one.filters[0].act = answers<Session::Helo>(Answer::accept); });
  rig.message();
  rig.mail();
  EXPECT_THAT(rig.filters[0].heard, ElementsAre("connect mx.example", "helo mx.example"));
  EXPECT_THAT(rig.filters[1].heard, Contains("eom"));
}

TEST(MultiplexerEnvelope, OneThatAcceptedLaterSeesTheNextMessage) {
  Rig rig(2, [](Rig& one) { one.filters[0].act = answers<Session::Mail>(Answer::accept); });
  rig.message();
  EXPECT_THAT(rig.filters[0].heard, Not(Contains("eom")));
  rig.mail();
  EXPECT_EQ(rig.filters[0].heard.back(), "mail <a@a.example>");
}

TEST(MultiplexerEnvelope, WhenAllAreOutTheMtaIsToldAtOnce) {
  Rig rig(2, [](Rig& one) {
    one.filters[0].act = answers<Session::Mail>(Answer::accept);
    one.filters[1].act = answers<Session::Rcpt>(Answer::accept);
  });
  rig.connect(), rig.helo();
  EXPECT_EQ(rig.mail().kind, Kind::go_on);
  EXPECT_EQ(rig.rcpt().kind, Kind::accept);
  EXPECT_EQ(rig.reports.back().verdict.kind, Kind::accept);
}

TEST(MultiplexerEnvelope, DiscardIsStrongestAndTheOthersAreToldAbort) {
  Rig rig(2, [](Rig& one) {
    one.filters[0].act = answers<Session::Rcpt>(Answer::discard);
    one.filters[1].act = replies<Session::Rcpt>(kNo);
  });
  rig.connect(), rig.helo(), rig.mail();
  EXPECT_EQ(rig.rcpt().kind, Kind::discard);
  EXPECT_EQ(rig.filters[1].heard.back(), "abort");
}

TEST(MultiplexerEnvelope, AbortReachesTheChildren) {
  Rig rig(2);
  rig.connect(), rig.helo(), rig.mail(), rig.abort();
  for (const auto& filter : rig.filters) EXPECT_EQ(filter.heard.back(), "abort");
  EXPECT_EQ(rig.reports.back().end, MultiplexerReport::End::aborted);
  rig.mail();
  EXPECT_EQ(rig.filters[1].heard.back(), "mail <a@a.example>");
}

TEST(MultiplexerEnvelope, ShutdownIsHandedOn) {
  Rig rig(2, [](Rig& one) { one.filters[1].act = answers<Session::Helo>(Answer::shutdown); });
  rig.connect();
  EXPECT_EQ(rig.helo().kind, Kind::shutdown);
}

TEST(MultiplexerEnvelope, UnknownCommandsAreAnsweredWithoutHarmToTheMessage) {
  Rig rig(1, [](Rig& one) { one.filters[0].act = replies<Session::Unknown>(kNo); });
  rig.connect(), rig.helo(), rig.mail();
  rig.mta->unknown("XYZZY", rig.macros);
  EXPECT_EQ(rig.hear().reply, kNo);
  rig.rcpt(), rig.data();
  EXPECT_EQ(rig.content(), ClientSession::Verdict{});
}

// ---- the content ----

TEST(MultiplexerContent, AChildSeesTheEditsOfThoseBeforeIt) {
  Rig rig(3, [](Rig& one) {
    one.filters[0].wishes.actions = action::change_headers | action::add_headers;
    one.filters[0].act = edits({ChangeHeader{1, "Subject", "changed"}, AddHeader{"X-New", "v"}});
    one.filters[1].wishes.actions = action::change_body;
    one.filters[1].act = edits({ReplaceBody{"new\n"}});
  });
  rig.message();
  EXPECT_THAT(rig.filters[1].heard, testing::IsSupersetOf({"Subject:changed", "X-New:v", "body text\r\n"}));
  EXPECT_THAT(rig.filters[2].heard, testing::IsSupersetOf({"Subject:changed", "X-New:v", "body new\r\n"}));
  EXPECT_THAT(rig.edits, ElementsAre(ChangeHeader{1, "Subject", " changed"}, AddHeader{"X-New", " v"},
                                     ReplaceBody{"new\r\n"}));
}

TEST(MultiplexerContent, JudgesAndTheFirstThatChangesRunTogether) {
  Rig rig(3, [](Rig& one) {
    one.filters[2].wishes.actions = action::add_headers;
    for (auto& filter : one.filters) filter.act = [](Session&, const Session::Event&) {};
  });
  rig.envelope();
  rig.header("Subject: x"), rig.end_of_headers(), rig.body("text\r\n");
  for (auto& filter : rig.filters)
    filter.act = [&filter](Session&, const Session::Event&) { filter.way = Way::hangs; };
  rig.end_of_message();
  EXPECT_TRUE(rig.waits);
  for (const auto& filter : rig.filters) EXPECT_EQ(filter.heard.back(), "eom");
}

TEST(MultiplexerContent, ChildrenThatAddHeadersRunTogetherWhereThoseBehindSeeNone) {
  Rig rig(3, [](Rig& one) {
    for (auto& filter : one.filters) filter.wishes.actions = action::add_headers;
    one.filters[1].wishes.steps = step::no_headers;
    one.settings.children[2].added_headers = Multiplexer::AddedHeaders::ignored;
  });
  rig.envelope();
  rig.header("Subject: x"), rig.end_of_headers(), rig.body("text\r\n");
  int number = 0;
  for (auto& filter : rig.filters)
    filter.act = [&filter, name = "X-" + std::to_string(number++)](Session& session, const Session::Event&) {
      session.edit(AddHeader{name, "v"});
      filter.way = Way::hangs;
    };
  rig.end_of_message();
  EXPECT_TRUE(rig.waits);
  for (auto& filter : rig.filters) EXPECT_EQ(filter.heard.back(), "eom");
  for (auto& filter : rig.filters) filter.way = Way::answers;
  EXPECT_EQ(rig.hear(), ClientSession::Verdict{});
  EXPECT_THAT(rig.edits, ElementsAre(AddHeader{"X-0", " v"}, AddHeader{"X-1", " v"}, AddHeader{"X-2", " v"}));
}

TEST(MultiplexerContent, OneBehindOneThatAddsHeadersWaitsAndSeesThem) {
  Rig rig(2, [](Rig& one) {
    for (auto& filter : one.filters) filter.wishes.actions = action::add_headers;
  });
  rig.envelope();
  rig.header("Subject: x"), rig.end_of_headers();
  EXPECT_THAT(rig.filters[1].heard, Not(Contains("eoh")));
  rig.filters[0].act = edits({AddHeader{"X-Seen", "v"}});
  rig.end_of_message();
  EXPECT_THAT(rig.filters[1].heard, Contains("X-Seen:v"));
}

TEST(MultiplexerContent, TheFirstInListOrderThatRefusesDecides) {
  Rig rig(2, [](Rig& one) {
    one.filters[0].act = replies<Session::EndOfMessage>(kLater);
    one.filters[1].act = replies<Session::EndOfHeaders>(kNo);
  });
  EXPECT_EQ(rig.message().reply, kLater) << "as Postfix, which asks the second one after the first";
  EXPECT_EQ(rig.reports.back().decided_by, 0U);
}

TEST(MultiplexerContent, ARefusalOfTheFirstIsToldAtTheEndAndTheOthersAreNotWaitedFor) {
  Rig rig(2, [](Rig& one) { one.filters[0].act = replies<Session::EndOfHeaders>(kNo); });
  rig.envelope();
  rig.header("Subject: x");
  EXPECT_EQ(rig.end_of_headers(), ClientSession::Verdict{}) << "the MTA does not wait here";
  EXPECT_EQ(rig.body("one\r\n"), ClientSession::Verdict{}) << "nor here";
  rig.filters[1].way = Way::hangs;
  EXPECT_EQ(rig.end_of_message().reply, kNo);
  EXPECT_EQ(rig.child(1).state, State::not_needed);
}

TEST(MultiplexerContent, SkipEndsTheBodyForTheChildThatSaysIt) {
  Rig rig(2, [](Rig& one) {
    one.filters[0].wishes.steps = one.filters[1].wishes.steps = step::skip;
    one.filters[0].act = answers<Session::Body>(Answer::skip);
  });
  rig.envelope();
  rig.header("Subject: x"), rig.end_of_headers();
  rig.body("one\r\n"), rig.body("two\r\n");
  EXPECT_TRUE(rig.mta->wants(Command::body)) << "which does not wait for answers to it";
  EXPECT_EQ(rig.end_of_message(), ClientSession::Verdict{});
  EXPECT_THAT(rig.filters[0].heard, Not(Contains("body two\r\n")));
  EXPECT_THAT(rig.filters[1].heard, Contains("body two\r\n"));
}

TEST(MultiplexerContent, AQuarantineOfOneThatAcceptsEarlyIsNotLost) {
  Rig rig(1, [](Rig& one) {
    one.filters[0].wishes.actions = action::quarantine;
    one.filters[0].act = at<Session::EndOfHeaders>([](Session& session) {
      EXPECT_TRUE(session.edit(Quarantine{"virus"}));
      session.answer(Answer::accept);
    });
  });
  rig.envelope();
  rig.header("Subject: x"), rig.end_of_headers();
  EXPECT_EQ(rig.body("one\r\n"), ClientSession::Verdict{});
  EXPECT_EQ(rig.end_of_message().kind, Kind::accept);
  EXPECT_THAT(rig.edits, ElementsAre(Quarantine{"virus"}));
}

TEST(MultiplexerContent, ALargeBodyGoesThroughTheSpoolAndNoneIsKeptWithoutNeed) {
  for (const bool needed : {true, false}) {
    Rig rig(2, [&](Rig& one) {
      one.settings.limits.in_memory = 100'000;
      one.filters[0].wishes.actions = needed ? action::change_body : action::add_recipients;
    });
    rig.envelope();
    rig.header("Subject: x"), rig.end_of_headers();
    const std::string line(998, 'x');
    std::string body;
    for (int i = 0; i < 500; ++i) body += line + "\r\n";
    rig.body(body);
    EXPECT_EQ(rig.mux->spooled(), needed);
    rig.filters[1].act = at<Session::EndOfMessage>([](Session& session) { session.answer(Answer::accept); });
    EXPECT_EQ(rig.end_of_message(), ClientSession::Verdict{});
    std::size_t seen = 0;
    for (const auto& one : rig.filters[1].heard)
      if (one.starts_with("body ")) seen += std::stoul(one.substr(5));
    EXPECT_EQ(seen, body.size());
    EXPECT_EQ(rig.spool.file, "") << "cleared";
    EXPECT_EQ(rig.spool.most, needed ? body.size() : 0);
  }
}

TEST(MultiplexerContent, AFullDiskIsATempfail) {
  Rig rig(2, [](Rig& one) {
    one.settings.limits.in_memory = 10;
    one.spool.full = true;
    one.filters[0].wishes.actions = action::change_body;
  });
  rig.envelope();
  rig.header("Subject: x"), rig.end_of_headers();
  EXPECT_EQ(rig.body("more than ten octets\r\n"), ClientSession::Verdict{});
  EXPECT_EQ(rig.end_of_message().reply.code, 451);
  EXPECT_EQ(rig.reports.back().verdict.failure, "no space left");
  rig.spool.full = false;
  rig.mail(), rig.rcpt(), rig.data();
  EXPECT_EQ(rig.content(), ClientSession::Verdict{}) << "the next message is not touched by it";
}

TEST(MultiplexerContent, ProgressIsHandedUpAndSaidByItself) {
  Rig rig(1);
  rig.envelope();
  rig.header("Subject: x"), rig.end_of_headers();
  rig.filters[0].act = [&](Session& session, const Session::Event&) {
    session.progress();
    rig.filters[0].way = Way::hangs;
  };
  rig.progress = 0;
  rig.end_of_message();
  EXPECT_EQ(rig.progress, 2) << "the wait itself, and the filter's";
  rig.pass(10s);
  rig.hear();
  EXPECT_EQ(rig.progress, 3);
}

// ---- looking on ----

TEST(MultiplexerEvaluation, ALookerOnSeesAllChangesNothingAndIsReported) {
  Rig rig(2, [](Rig& one) {
    one.settings.children[0].mode = Multiplexer::Mode::evaluation;
    one.filters[0].wishes.actions = action::all & ~action::set_macro_lists;
    one.filters[0].act = [](Session& session, const Session::Event& event) {
      if (std::holds_alternative<Session::Rcpt>(event)) session.answer(kNo);
      if (!std::holds_alternative<Session::EndOfMessage>(event)) return;
      session.edit(AddHeader{"X-Spam", "yes"});
      session.edit(ReplaceBody{"new"});
      session.answer(kNever);
    };
  });
  // The MTA offers its actions all the same: what it agreed on is what acting children need.
  EXPECT_EQ(rig.mta->agreement().actions, 0U);
  EXPECT_EQ(rig.message(), ClientSession::Verdict{});
  EXPECT_THAT(rig.edits, IsEmpty());
  EXPECT_THAT(rig.filters[1].heard, Not(Contains("X-Spam:yes")));
  const auto& report = rig.child(0);
  EXPECT_TRUE(report.evaluated);
  ASSERT_EQ(report.answers.size(), 2U);
  EXPECT_EQ(report.answers[0].verdict.reply, kNo);
  EXPECT_EQ(report.answers[1].verdict.reply, kNever);
  EXPECT_THAT(report.edits, ElementsAre(AddHeader{"X-Spam", "yes"}));
  EXPECT_EQ(report.new_body, 3U);
}

// ---- several connections ----

TEST(MultiplexerConnections, QuitForANewConnectionConnectsTheChildrenAnew) {
  Rig rig(1);
  rig.message();
  std::string quit;
  PacketWriter(quit, Command::quit_new_connection);
  rig.mux->feed_parent(quit);
  rig.run();
  EXPECT_EQ(rig.filters[0].connections, 2);
  EXPECT_THAT(rig.filters[0].heard, Contains("close "));
  EXPECT_EQ(rig.reports.back().of, MultiplexerReport::Of::connection);
  rig.connect();
  EXPECT_EQ(rig.filters[0].heard.back(), "connect mx.example");
}

TEST(MultiplexerConnections, OneThatWasNotThereWhenTheMtaWasAskedAndNeedsMoreGivesItsFallback) {
  for (const bool needs_mail : {false, true}) {
    Rig rig(1, [&](Rig& one) {
      one.filters[0].way = Way::refuses_connection;
      one.filters[0].wishes.steps = step::not_sent(Command::rcpt);
      if (!needs_mail) one.filters[0].wishes.steps = step::all & ~step::header_leading_space;
      one.filters[0].wishes.actions = action::set_macro_lists;
      one.settings.children[0].fallback = Multiplexer::Fallback::accept;
    });
    rig.message();
    rig.filters[0].way = Way::answers;
    std::string quit;
    PacketWriter(quit, Command::quit_new_connection);
    rig.mux->feed_parent(quit);
    rig.run();
    EXPECT_EQ(rig.filters[0].open, !needs_mail);
    rig.quit();
    EXPECT_THAT(rig.child(0).why,
                needs_mail ? StartsWith("it was not there at the negotiation") : StartsWith(""));
  }
}

TEST(MultiplexerConnections, QuitEndsAll) {
  Rig rig(2);
  rig.message();
  rig.quit();
  EXPECT_EQ(rig.ended, "");
  for (const auto& filter : rig.filters) EXPECT_EQ(filter.heard.back(), "close ");
  EXPECT_EQ(rig.reports.back().end, MultiplexerReport::End::over);
}

TEST(MultiplexerConnections, AnMtaThatGoesAwayEndsAll) {
  Rig rig(1);
  rig.envelope();
  rig.mux->parent_lost("reset\n");
  rig.run();
  EXPECT_EQ(rig.ended, "reset\\x0a");
  EXPECT_EQ(rig.reports.at(0).end, MultiplexerReport::End::lost);
}

}  // namespace
}  // namespace hikyaku::milter
