// Children that fail in every way: nothing but their own part is lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "milter/multiplexer.h"
#include "milter/multiplexer_for_tests.h"

namespace hikyaku::milter {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::Rig;
using testing_support::ScriptedFilter;
using Session = FilterSession;
using Kind = ClientSession::Verdict::Kind;
using Fallback = Multiplexer::Fallback;
using Way = ScriptedFilter::Way;
using State = ChildReport::State;
using namespace std::chrono_literals;

struct FallbackCase {
  const char* name;
  Fallback fallback;
  ClientSession::Verdict verdict;
};
class Fallbacks : public testing::TestWithParam<FallbackCase> {};
// What the MTA is told when a child fails so.
TEST_P(Fallbacks, OfARefusedConnection) {
  Rig rig(2, [](Rig& one) {
    one.settings.children[0].fallback = GetParam().fallback;
    one.filters[0].way = Way::refuses_connection;
  });
  auto verdict = rig.connect();
  if (verdict == ClientSession::Verdict{}) rig.helo(), verdict = rig.mail();
  EXPECT_EQ(verdict.kind, GetParam().verdict.kind);
  EXPECT_EQ(verdict.reply, GetParam().verdict.reply);
}
TEST_P(Fallbacks, OfATimeout) {
  Rig rig(2, [](Rig& one) { one.settings.children[0].fallback = GetParam().fallback; });
  rig.connect(), rig.helo();
  rig.filters[0].way = Way::hangs;
  rig.mail();
  ASSERT_TRUE(rig.waits);
  EXPECT_EQ(rig.need.wake_at, rig.now + 7s) << "reading_timeout";
  EXPECT_FALSE(rig.need.parent);
  rig.pass(6999ms);
  rig.hear();
  ASSERT_TRUE(rig.waits);
  rig.pass(1ms);
  const auto verdict = rig.hear();
  EXPECT_EQ(verdict.kind, GetParam().verdict.kind);
  EXPECT_EQ(verdict.reply, GetParam().verdict.reply);
}
TEST_P(Fallbacks, AtDisconnectOfAnEndInMidMessage) {
  Rig rig(2, [](Rig& one) {
    one.settings.children[0].fallback = Fallback::reject;
    one.settings.children[0].fallback_at_disconnect = GetParam().fallback;
  });
  rig.connect(), rig.helo(), rig.mail();
  rig.filters[0].way = Way::hangs;
  rig.rcpt(), rig.mux->child_lost(0, "it closed the connection");
  const auto verdict = rig.hear();
  EXPECT_EQ(verdict.kind, GetParam().verdict.kind);
  EXPECT_EQ(verdict.reply, GetParam().verdict.reply);
}
INSTANTIATE_TEST_SUITE_P(
    , Fallbacks,
    testing::Values(FallbackCase{"accept", Fallback::accept, {}},
                    FallbackCase{"tempfail", Fallback::tempfail, {Kind::reply, SmtpReply::later(), {}}},
                    FallbackCase{"reject", Fallback::reject, {Kind::reply, SmtpReply::rejection(), {}}},
                    FallbackCase{"discard", Fallback::discard, {Kind::discard, {}, {}}}),
    [](const auto& row) { return std::string(row.param.name); });

// A filter that failed, with a condition that may rule it out at MAIL and at DATA.
Rig failed_with_conditions(Command last) {
  return Rig(2, [last](Rig& one) {
    one.settings.decide = {Command::mail, last};
    one.settings.children[0].may_be_ruled_out = {Command::mail, last};
    one.settings.children[0].fallback = Fallback::reject;
    one.filters[0].way = Way::refuses_connection;
  });
}
TEST(MultiplexerFaults, OneThatFailedRefusesNobodyBeforeTheLastOfItsConditions) {
  auto rig = failed_with_conditions(Command::data);
  EXPECT_EQ(rig.connect().kind, Kind::go_on);
  EXPECT_EQ(rig.helo().kind, Kind::go_on);
  EXPECT_EQ(rig.mail().kind, Kind::go_on);
  EXPECT_EQ(rig.rcpt().kind, Kind::go_on);
  EXPECT_EQ(rig.data().reply, SmtpReply::rejection());
}
TEST(MultiplexerFaults, OneThatFailedRefusesAtTheEndWhereItsLastConditionIsOfTheContent) {
  auto rig = failed_with_conditions(Command::body);
  rig.envelope();
  EXPECT_EQ(rig.content().reply, SmtpReply::rejection());
}
TEST(MultiplexerFaults, OneThatFailedRefusesNobodyWhomItsConditionsRuleOut) {
  auto rig = failed_with_conditions(Command::data);
  rig.decide = [&rig](const auto& decision) {
    if (decision.command == Command::data) rig.mux->rule_out(0, "none of its business");
  };
  EXPECT_EQ(rig.message().kind, Kind::go_on);
  rig.mail(), rig.rcpt();
  rig.decide = [](const auto&) {};
  EXPECT_EQ(rig.data().reply, SmtpReply::rejection()) << "each message by itself";
}
TEST(MultiplexerFaults, TheMtaIsAskedToWaitWhereOneThatFailedRefusesFirst) {
  auto rig = Rig(1, [](Rig& one) {
    one.settings.decide = {Command::mail};
    one.settings.children[0].may_be_ruled_out = {Command::mail};
    one.settings.children[0].fallback = Fallback::tempfail;
    one.filters[0].way = Way::refuses_connection;
  });
  EXPECT_FALSE(rig.mta->agreement().sends(Command::connect));
  EXPECT_TRUE(rig.mta->agreement().answers(Command::mail));
  rig.connect(), rig.helo();
  EXPECT_EQ(rig.mail().reply, SmtpReply::later());
}

TEST(MultiplexerFaults, OneThatHungIsLeftOutOfTheRestAndReported) {
  Rig rig(2);
  rig.connect(), rig.helo();
  rig.filters[0].way = Way::hangs;
  rig.mail();
  rig.pass(7s);
  rig.hear();
  rig.rcpt(), rig.data();
  EXPECT_EQ(rig.content(), ClientSession::Verdict{});
  EXPECT_THAT(rig.filters[1].heard, Contains("eom"));
  EXPECT_EQ(rig.child(0).state, State::failed);
  EXPECT_EQ(rig.child(0).why, "no answer to mail within 7 s");
  rig.mail(), rig.rcpt(), rig.data();
  EXPECT_EQ(rig.content(), ClientSession::Verdict{});
  EXPECT_EQ(rig.child(0).state, State::absent);
}

TEST(MultiplexerFaults, TheEndOfTheMessageHasItsOwnTimeoutAndProgressRenewsIt) {
  Rig rig(1, [](Rig& one) { one.settings.children[0].fallback = Fallback::tempfail; });
  rig.envelope();
  rig.header("Subject: x"), rig.end_of_headers();
  rig.filters[0].act = [&](Session&, const Session::Event&) { rig.filters[0].way = Way::hangs; };
  rig.end_of_message();
  rig.pass(296s);
  rig.mux->feed_child(0, std::string("\0\0\0\1p", 5));
  rig.hear();
  rig.pass(296s);
  rig.hear();
  EXPECT_TRUE(rig.waits);
  rig.pass(1s);
  EXPECT_EQ(rig.hear().reply, SmtpReply::later());
}

TEST(MultiplexerFaults, NoConnectionInTimeIsAFailure) {
  Multiplexer::Settings settings;
  settings.children.push_back({.name = "slow"});
  testing_support::SpoolInMemory spool;
  Multiplexer mux(settings, spool);
  std::string offer;
  Offer::of_version(6).append_to(offer);
  mux.feed_parent(offer);
  Multiplexer::Moment now{};
  EXPECT_TRUE(std::holds_alternative<Multiplexer::Connect>(mux.next(now)));
  const auto event = mux.next(now);
  EXPECT_EQ(std::get<Multiplexer::NeedOctets>(event).wake_at, now + 297s);
  EXPECT_TRUE(std::holds_alternative<Multiplexer::Disconnect>(mux.next(now + 297s))) << "give the attempt up";
  EXPECT_TRUE(std::get<Multiplexer::NeedOctets>(mux.next(now + 297s)).parent);
  EXPECT_TRUE(mux.has_parent_output()) << "the negotiation goes on without it";
}

TEST(MultiplexerFaults, OneThatTakesNoOctetsIsGivenUp) {
  Multiplexer::Settings settings;
  settings.children.push_back({.name = "deaf"});
  testing_support::SpoolInMemory spool;
  Multiplexer mux(settings, spool);
  std::string offer;
  Offer::of_version(6).append_to(offer);
  mux.feed_parent(offer);
  Multiplexer::Moment now{};
  static_cast<void>(mux.next(now));
  mux.connected(0);
  static_cast<void>(mux.next(now));
  ASSERT_TRUE(mux.has_output(0));
  EXPECT_TRUE(std::holds_alternative<Multiplexer::Disconnect>(mux.next(now + 7s)));
}

struct NonsenseCase {
  const char* name;
  std::string octets, why;
};
class Nonsense : public testing::TestWithParam<NonsenseCase> {};
TEST_P(Nonsense, CostsThatChildAlone) {
  Rig rig(2, [](Rig& one) { one.settings.children[0].fallback = Fallback::accept; });
  rig.connect(), rig.helo();
  rig.filters[0].way = Way::raw;
  rig.filters[0].raw = GetParam().octets;
  EXPECT_EQ(rig.mail(), ClientSession::Verdict{});
  if (!rig.mux->takes_part(0)) rig.filters[0].way = Way::answers;
  rig.rcpt(), rig.data();
  EXPECT_EQ(rig.content(), ClientSession::Verdict{});
  EXPECT_THAT(rig.filters[1].heard, Contains("eom"));
  EXPECT_EQ(rig.child(0).state, State::failed);
  EXPECT_THAT(rig.child(0).why, HasSubstr(GetParam().why));
}
INSTANTIATE_TEST_SUITE_P(
    , Nonsense,
    testing::Values(NonsenseCase{"an_unknown_octet", std::string("\0\0\0\1X", 5), "'X' is no answer"},
                    NonsenseCase{"a_length_past_all_limits", "\xff\xff\xff\xff", "octets"},
                    NonsenseCase{"a_reply_of_2xx", std::string("\0\0\0\x08y250 ok\0", 12), "4xx or 5xx"},
                    NonsenseCase{"an_edit_out_of_turn", std::string("\0\0\0\x05hX\0v\0", 9),
                                 "not at the end of the message"},
                    NonsenseCase{"two_answers_at_once", std::string("\0\0\0\1c\0\0\0\1c", 10),
                                 "out of turn"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(MultiplexerFaults, OneThatSpeaksUnaskedIsGivenUp) {
  Rig rig(2);
  rig.connect();
  rig.mux->feed_child(0, std::string("\0\0\0\1c", 5));
  rig.run();
  EXPECT_EQ(rig.helo(), ClientSession::Verdict{});
  EXPECT_THAT(rig.filters[0].heard, ElementsAre("connect mx.example"));
}

TEST(MultiplexerFaults, OneThatCrashesInMidPacketLosesItsEditsAndNobodyElsesIs) {
  Rig rig(2, [](Rig& one) {
    for (auto& filter : one.filters) filter.wishes.actions = action::add_headers | action::change_body;
    one.settings.children[0].fallback_at_disconnect = Fallback::accept;
    one.filters[0].act = [&one](Session& session, const Session::Event& event) {
      if (!std::holds_alternative<Session::EndOfMessage>(event)) return;
      session.edit(AddHeader{"X-Half", "v"});
      session.edit(ReplaceBody{"half"});
      one.filters[0].way = Way::hangs;
    };
    one.filters[1].act = [](Session& session, const Session::Event& event) {
      if (std::holds_alternative<Session::EndOfMessage>(event)) session.edit(AddHeader{"X-Whole", "v"});
    };
  });
  rig.message();
  ASSERT_TRUE(rig.waits);
  rig.mux->feed_child(0, std::string("\0\0\1", 3));
  rig.mux->child_lost(0, "closed\n");
  EXPECT_EQ(rig.hear(), ClientSession::Verdict{});
  EXPECT_THAT(rig.edits, ElementsAre(AddHeader{"X-Whole", " v"}));
  EXPECT_THAT(rig.filters[1].heard, Contains("body text\r\n")) << "not the half new body";
  EXPECT_EQ(rig.child(0).why, "closed\\x0a");
  EXPECT_THAT(rig.child(0).edits, IsEmpty());
  EXPECT_THAT(rig.child(0).notes, ElementsAre(HasSubstr("1 changes and a new body")));
}

TEST(MultiplexerFaults, AnEditThatWasNotAgreedOnIsAFailure) {
  Rig rig(2, [](Rig& one) {
    one.filters[0].wishes.actions = action::add_headers;
    one.filters[1].wishes.actions = action::change_body;
    one.filters[0].act = [&one](Session&, const Session::Event& event) {
      if (!std::holds_alternative<Session::EndOfMessage>(event)) return;
      one.filters[0].raw = std::string(
          "\0\0\0\x05"
          "bnew\n\0\0\0\1c",
          14);
      one.filters[0].way = Way::raw;
    };
  });
  rig.envelope();
  rig.header("Subject: x"), rig.end_of_headers();
  rig.body("text\r\n");
  rig.end_of_message();
  EXPECT_EQ(rig.child(0).state, State::failed);
  EXPECT_THAT(rig.edits, IsEmpty());
}

TEST(MultiplexerFaults, TooManyEditsAndTooLargeABodyAreFailures) {
  for (const bool body : {true, false}) {
    Rig rig(1, [&](Rig& one) {
      one.settings.limits.edits = 10;
      one.settings.limits.body = 1000;
      one.filters[0].wishes.actions = action::add_headers | action::change_body;
      one.filters[0].act = [body](Session& session, const Session::Event& event) {
        if (!std::holds_alternative<Session::EndOfMessage>(event)) return;
        if (body) session.edit(ReplaceBody{std::string(1001, 'x')});
        for (int i = 0; i < 11 && !body; ++i) session.edit(AddHeader{"X", "v"});
      };
    });
    EXPECT_EQ(rig.message(), ClientSession::Verdict{});
    EXPECT_THAT(rig.edits, IsEmpty());
    EXPECT_THAT(rig.child(0).why, HasSubstr(body ? "more than 1000 octets" : "more than 10 changes"));
  }
}

TEST(MultiplexerFaults, ALateAnswerIsNotTakenForTheNextMessages) {
  Rig rig(2, [](Rig& one) {
    one.filters[0].act = [](Session& session, const Session::Event& event) {
      if (std::holds_alternative<Session::EndOfMessage>(event)) session.answer(SmtpReply{550, "5.7.1", "no"});
    };
    one.filters[1].act = [&one](Session&, const Session::Event& event) {
      if (std::holds_alternative<Session::EndOfMessage>(event)) one.filters[1].way = Way::hangs;
    };
  });
  EXPECT_EQ(rig.message().reply.code, 550) << "it is not waited for the second one";
  rig.mail();
  EXPECT_TRUE(rig.waits) << "the second one still has to answer";
  rig.filters[1].way = Way::answers;
  EXPECT_EQ(rig.hear(), ClientSession::Verdict{});
  EXPECT_EQ(rig.filters[1].heard.back(), "mail <a@a.example>");
}

TEST(MultiplexerFaults, OneThatStaysLateIsGivenUpAfterItsReadingTimeout) {
  Rig rig(2, [](Rig& one) {
    one.filters[0].act = [](Session& session, const Session::Event& event) {
      if (std::holds_alternative<Session::EndOfMessage>(event)) session.answer(SmtpReply{550, "5.7.1", "no"});
    };
    one.filters[1].act = [&one](Session&, const Session::Event& event) {
      if (std::holds_alternative<Session::EndOfMessage>(event)) one.filters[1].way = Way::hangs;
    };
  });
  rig.message();
  rig.mail();
  EXPECT_TRUE(rig.waits);
  rig.pass(7s);
  EXPECT_EQ(rig.hear(), ClientSession::Verdict{});
}

TEST(MultiplexerFaults, AFailureAfterItsAnswerDoesNotTouchTheMessage) {
  Rig rig(2, [](Rig& one) {
    one.settings.children[0].fallback = one.settings.children[0].fallback_at_disconnect = Fallback::tempfail;
    one.filters[0].wishes.actions = action::add_headers;
    one.filters[0].act = [](Session& session, const Session::Event& event) {
      if (std::holds_alternative<Session::EndOfMessage>(event)) session.edit(AddHeader{"X-Kept", "v"});
    };
    one.filters[1].wishes.steps = step::no_headers;
    one.filters[1].act = [&one](Session&, const Session::Event& event) {
      if (std::holds_alternative<Session::EndOfMessage>(event)) one.filters[1].way = Way::hangs;
    };
  });
  rig.message();
  ASSERT_TRUE(rig.waits);
  rig.mux->child_lost(0, "closed");
  rig.filters[1].way = Way::answers;
  EXPECT_EQ(rig.hear(), ClientSession::Verdict{});
  EXPECT_THAT(rig.edits, ElementsAre(AddHeader{"X-Kept", " v"}));
  EXPECT_EQ(rig.mail().reply, SmtpReply::later()) << "but the next one";
}

TEST(MultiplexerFaults, AnMtaThatTalksNonsenseEndsTheTalk) {
  Rig rig(1);
  rig.connect();
  rig.mux->feed_parent(std::string("\0\0\0\1X", 5));
  rig.run();
  ASSERT_TRUE(rig.ended);
  EXPECT_THAT(*rig.ended, HasSubstr("is no command of an MTA"));
}

TEST(MultiplexerFaults, HeadersPastTheLimitEndTheTalk) {
  Rig rig(2, [](Rig& one) {
    one.settings.limits.headers = 1000;
    one.filters[0].wishes.actions = action::add_headers;
  });
  rig.envelope();
  for (int i = 0; i < 100 && !rig.ended; ++i) rig.header("X: y");
  ASSERT_TRUE(rig.ended);
  EXPECT_THAT(*rig.ended, HasSubstr("more than 1000 octets"));
}

}  // namespace
}  // namespace hikyaku::milter
