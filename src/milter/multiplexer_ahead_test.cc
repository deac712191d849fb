// Children that are told the content of a message ahead, and those that decide before its end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "milter/multiplexer_for_tests.h"

namespace hikyaku::milter {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing_support::Rig;
using testing_support::ScriptedFilter;
using Session = FilterSession;
using Answer = Session::Answer;
using Kind = ClientSession::Verdict::Kind;
using State = ChildReport::State;
using Way = ScriptedFilter::Way;
using namespace std::chrono_literals;

const SmtpReply kNo{550, "5.7.1", "no"};

/// Refuses messages with this header, at the header.
ScriptedFilter::Act refuses(std::string name) {
  return [name](Session& session, const Session::Event& event) {
    const auto* header = std::get_if<Session::Header>(&event);
    if (header != nullptr && header->header.name == name) session.answer(kNo);
  };
}

/// An MTA that sends what is not answered with what follows, and one child or two.
class AheadRig : public Rig {
 public:
  explicit AheadRig(
      std::size_t count, const std::function<void(Rig&)>& prepare = [](Rig&) {})
      : Rig(count, [&](Rig& one) {
          for (auto& child : one.settings.children) child.tell_ahead = true;
          prepare(one);
        }) {
    gathers = true;
  }
  Verdict message_with(std::string_view text) {
    mail(), rcpt(), data();
    header(text), header("Subject: x"), end_of_headers(), body("text\r\n");
    return end_of_message();
  }
};

TEST(MultiplexerAhead, AChildHearsAShortMessageInOneTurn) {
  AheadRig rig(1);
  rig.envelope();
  rig.filters[0].way = Way::hangs;  // it answers nothing any more
  rig.filters[0].heard.clear();
  const auto before = rig.progress;
  rig.header("A: b"), rig.end_of_headers(), rig.body("text\r\n"), rig.end_of_message();
  EXPECT_TRUE(rig.waits);
  rig.filters[0].way = Way::answers;
  rig.run();
  EXPECT_EQ(rig.hear(), ClientSession::Verdict{});
  EXPECT_THAT(rig.filters[0].heard, ElementsAre("data", "A:b", "eoh", "body text\r\n", "eom"));
  EXPECT_EQ(rig.progress, before + 1) << "what it answered earlier is no PROGRESS for the MTA";
}

TEST(MultiplexerAhead, OneThatIsNotToBeToldAheadIsToldOneByOne) {
  AheadRig rig(1, [](Rig& one) { one.settings.children[0].tell_ahead = false; });
  rig.envelope();
  rig.filters[0].heard.clear();
  std::size_t answered = 0;
  rig.filters[0].act = [&](Session&, const Session::Event&) {
    EXPECT_LE(rig.filters[0].heard.size(), ++answered) << "told more than it has answered";
  };
  EXPECT_EQ(rig.content(), ClientSession::Verdict{});
}

TEST(MultiplexerAhead, OneThatDecidesAtAHeaderIsConnectedToAgainBeforeTheNextMessageAndToldItAll) {
  for (const bool deaf : {false, true}) {
    AheadRig rig(2);
    rig.filters[0].act = refuses("X-Bad");
    rig.filters[0].deaf_after_decision = deaf;
    rig.connect(), rig.helo();
    EXPECT_EQ(rig.message_with("X-Bad: 1").reply, kNo);
    EXPECT_EQ(rig.child(0).early, Command::header);
    ASSERT_EQ(rig.child(0).answers.size(), 1U);
    EXPECT_EQ(rig.child(0).answers[0].command, Command::header) << "where it decided, not where it was heard";
    EXPECT_EQ(rig.filters[0].connections, 1);
    rig.filters[0].heard.clear();
    EXPECT_EQ(rig.message_with("X-Good: 1"), ClientSession::Verdict{});
    EXPECT_THAT(rig.filters[0].heard, ElementsAre("close ", "connect mx.example", "helo mx.example",
                                                  "mail <a@a.example>", "rcpt <b@b.example>", "data",
                                                  "X-Good:1", "Subject:x", "eoh", "body text\r\n", "eom"));
    EXPECT_EQ(rig.filters[0].connections, 2);
    EXPECT_EQ(rig.filters[1].connections, 1) << "the other one has nothing to do with it";
    EXPECT_EQ(rig.message_with("X-Bad: 1").reply, kNo);
    EXPECT_EQ(rig.message_with("X-Bad: 1").reply, kNo);
    EXPECT_EQ(rig.filters[0].connections, 2) << "it is told one event after the other";
  }
}

TEST(MultiplexerAhead, WhatItSaysToTheClientThenHoldsForTheMessagesThatFollow) {
  AheadRig rig(1);
  rig.filters[0].act = [&](Session& session, const Session::Event& event) {
    refuses("X-Bad")(session, event);
    if (std::holds_alternative<Session::Helo>(event) && rig.filters[0].connections == 2) session.answer(kNo);
  };
  rig.connect(), rig.helo();
  EXPECT_EQ(rig.message_with("X-Bad: 1").kind, Kind::reply);
  EXPECT_EQ(rig.mail().reply, kNo);
  EXPECT_EQ(rig.mail().reply, kNo);
}

TEST(MultiplexerAhead, OneThatCanNotBeConnectedToAgainGivesItsFallback) {
  AheadRig rig(1);
  rig.filters[0].act = refuses("X-Bad");
  rig.settings.children[0].fallback = Multiplexer::Fallback::tempfail;
  rig.connect(), rig.helo();
  EXPECT_EQ(rig.message_with("X-Bad: 1").reply, kNo);
  rig.filters[0].way = Way::refuses_connection;
  EXPECT_EQ(rig.mail().reply.code, 451);
  EXPECT_FALSE(rig.ended);
}

// Who is connected to again has the same rights as before, which may be more than the MTA agreed on.
TEST(MultiplexerAhead, OneThatLooksOnIsOfferedAllAgain) {
  AheadRig rig(1, [](Rig& one) {
    one.settings.children[0].mode = Multiplexer::Mode::evaluation;
    one.filters[0].wishes.actions = action::all;
  });
  rig.filters[0].act = refuses("X-Bad");
  rig.connect(), rig.helo();
  rig.message_with("X-Bad: 1");
  rig.message_with("X-Bad: 1");
  EXPECT_EQ(rig.filters[0].connections, 2);
  EXPECT_EQ(rig.child(0).why, "");
  ASSERT_EQ(rig.child(0).answers.size(), 1U);
  EXPECT_EQ(rig.child(0).answers[0].verdict.reply, kNo);
}
TEST(MultiplexerAhead, OneThatMaySetListsOfMacrosMayAgain) {
  AheadRig rig(1, [](Rig& one) { one.filters[0].wishes.actions = action::all; });
  rig.filters[0].act = refuses("X-Bad");
  rig.connect(), rig.helo();
  EXPECT_EQ(rig.message_with("X-Bad: 1").reply, kNo);
  EXPECT_EQ(rig.message_with("X-Bad: 1").reply, kNo);
  EXPECT_EQ(rig.filters[0].connections, 2);
}

TEST(MultiplexerAhead, OneThatIsStillAtAMessageThatIsOverIsConnectedToAgainAndHasNotFailed) {
  AheadRig rig(2);
  rig.filters[0].act = [count = 0](Session& session, const Session::Event& event) mutable {
    if (std::holds_alternative<Session::EndOfMessage>(event) && count++ == 0) session.answer(kNo);
  };
  rig.connect(), rig.helo(), rig.mail(), rig.rcpt(), rig.data();
  rig.filters[1].act = [&](Session&, const Session::Event& event) {
    if (std::holds_alternative<Session::EndOfMessage>(event)) rig.filters[1].way = Way::hangs;
  };
  EXPECT_EQ(rig.content().reply, kNo);
  EXPECT_EQ(rig.child(1).state, State::not_needed);
  rig.mail();
  ASSERT_TRUE(rig.waits) << "for a moment";
  EXPECT_EQ(rig.need.wake_at, rig.now + 1s);
  rig.pass(1s);
  rig.filters[1].way = Way::answers;
  rig.filters[1].act = [](Session& session, const Session::Event& event) {
    if (std::holds_alternative<Session::EndOfMessage>(event)) session.answer(kNo);
  };
  EXPECT_EQ(rig.hear().kind, Kind::go_on);
  EXPECT_EQ(rig.filters[1].connections, 2);
  rig.rcpt(), rig.data();
  EXPECT_EQ(rig.content().reply, kNo) << "it is asked";
  EXPECT_EQ(rig.child(1).state, State::took_part);
  rig.quit();
  EXPECT_EQ(rig.child(1).why, "");
  EXPECT_THAT(rig.child(1).notes, Contains(HasSubstr("was still at a message that was over")));
}

TEST(MultiplexerAhead, OfAMessageThatAnotherRefusesItsAnswersAreHeardAndTheConnectionGoesOn) {
  AheadRig rig(2, [](Rig& one) { one.settings.children[0].tell_ahead = false; });
  rig.filters[0].act = refuses("X-Bad");
  rig.connect(), rig.helo(), rig.mail(), rig.rcpt(), rig.data();
  rig.gathers = false;
  rig.header("X-Bad: 1");
  EXPECT_EQ(rig.end_of_message().reply, kNo);
  EXPECT_EQ(rig.message_with("A: b"), ClientSession::Verdict{});
  EXPECT_EQ(rig.filters[1].connections, 1);
}

TEST(MultiplexerAhead, OfAMessageThatTheMtaGivesUpTheAnswersAreHeardAndTheConnectionGoesOn) {
  AheadRig rig(1);
  rig.connect(), rig.helo(), rig.mail(), rig.rcpt(), rig.data();
  rig.filters[0].heard.clear();
  rig.gathers = false;
  rig.header("A: b"), rig.end_of_headers();
  rig.abort();
  EXPECT_EQ(rig.message_with("A: b"), ClientSession::Verdict{});
  EXPECT_THAT(rig.filters[0].heard, Contains("abort"));
  EXPECT_EQ(rig.filters[0].connections, 1);
}

TEST(MultiplexerAhead, OneThatIsRuledOutInTheMiddleIsToldTheNextMessageOnTheSameConnection) {
  Rig rig(1, [](Rig& one) {
    one.gathers = true;
    one.settings.decide = {Command::end_of_message};
  });
  rig.decide = [&](const Multiplexer::Decide&) { rig.mux->rule_out(0, "enough"); };
  EXPECT_EQ(rig.message(), ClientSession::Verdict{});
  EXPECT_THAT(rig.filters[0].heard, Not(Contains("eom")));
  rig.decide = [](const Multiplexer::Decide&) {};
  rig.mail(), rig.rcpt(), rig.data();
  EXPECT_EQ(rig.content(), ClientSession::Verdict{});
  EXPECT_EQ(rig.filters[0].connections, 1);
  EXPECT_THAT(rig.filters[0].heard, Contains("eom"));
}

// ---- the envelope ----

/// Refuses at this event.
template <class Event>
ScriptedFilter::Act refuses_at() {
  return [](Session& session, const Session::Event& event) {
    if (std::holds_alternative<Event>(event)) session.answer(kNo);
  };
}

TEST(MultiplexerAhead, TheClientAndHeloGoToAChildWithMail) {
  AheadRig rig(1);
  for (const auto command : {Command::connect, Command::helo, Command::data})
    EXPECT_FALSE(rig.mta->agreement().answers(command)) << text(command);
  EXPECT_TRUE(rig.mta->agreement().answers(Command::rcpt));
  rig.gathers = false;
  rig.connect(), rig.helo();
  EXPECT_THAT(rig.filters[0].heard, ElementsAre());
  rig.mail();
  EXPECT_THAT(rig.filters[0].heard,
              ElementsAre("connect mx.example", "helo mx.example", "mail <a@a.example>"));
}

TEST(MultiplexerAhead, ARefusalOfTheClientIsToldAtMailAndReportedWhereItWasMade) {
  AheadRig rig(2);
  rig.filters[1].act = refuses_at<Session::Connect>();
  rig.connect(), rig.helo();
  EXPECT_EQ(rig.mail().reply, kNo);
  EXPECT_EQ(rig.child(1).early, Command::connect);
  EXPECT_EQ(rig.child(1).answers.at(0).command, Command::connect);
  EXPECT_EQ(rig.mail().reply, kNo) << "it holds for the connection";
  EXPECT_FALSE(rig.ended);
}

TEST(MultiplexerAhead, WhoIsKnownToRefuseThereIsAskedThere) {
  AheadRig rig(2, [](Rig& one) { one.filters[1].act = refuses_at<Session::Connect>(); });
  rig.mux = std::make_unique<Multiplexer>(rig.settings, rig.spool);
  for (auto& filter : rig.filters) filter.open = false;
  rig.mux->tell_one_by_one(1, Command::connect);
  rig.mta = std::make_unique<ClientSession>(rig.mta_settings);
  rig.gathers = false;
  rig.hear();
  EXPECT_TRUE(rig.mta->agreement().answers(Command::connect));
  EXPECT_FALSE(rig.mta->agreement().answers(Command::helo));
  EXPECT_EQ(rig.connect().reply, kNo);
}

TEST(MultiplexerAhead, TheEarlierRefusalIsTheAnswer) {
  AheadRig rig(2);
  rig.filters[0].act = refuses_at<Session::Helo>();
  rig.filters[1].act = [](Session& session, const Session::Event& event) {
    if (std::holds_alternative<Session::Connect>(event)) session.answer(Answer::tempfail);
  };
  rig.connect(), rig.helo();
  EXPECT_EQ(rig.mail().reply.code, 451) << "though 550 is the stronger one";
}

TEST(MultiplexerAhead, ARefusalOfDataIsTheAnswerWhateverAnotherSaysToTheContent) {
  AheadRig rig(2);
  rig.filters[0].act = [](Session& session, const Session::Event& event) {
    if (std::holds_alternative<Session::EndOfHeaders>(event)) session.answer(Answer::discard);
  };
  rig.filters[1].act = refuses_at<Session::Data>();
  rig.connect(), rig.helo();
  EXPECT_EQ(rig.message_with("A: b").reply, kNo);
}

TEST(MultiplexerAhead, OneThatLetsTheClientPassIsLeftInPeaceWhateverElseItAnswers) {
  for (const bool deaf : {false, true}) {
    AheadRig rig(2);
    rig.filters[0].act = [](Session& session, const Session::Event& event) {
      if (std::holds_alternative<Session::Connect>(event)) session.answer(Answer::accept);
    };
    rig.filters[0].deaf_after_decision = deaf;
    rig.connect(), rig.helo();
    EXPECT_EQ(rig.message_with("A: b"), ClientSession::Verdict{});
    EXPECT_EQ(rig.message_with("A: b"), ClientSession::Verdict{});
    EXPECT_THAT(rig.filters[0].heard, Not(Contains("A:b")));
    EXPECT_EQ(rig.child(0).state, ChildReport::State::took_part) << rig.child(0).why;
  }
}

TEST(MultiplexerAhead, OneThatIsRuledOutAtHeloHasHeardNothing) {
  AheadRig rig(1, [](Rig& one) { one.settings.decide = {Command::helo}; });
  rig.decide = [&](const Multiplexer::Decide&) { rig.mux->rule_out(0, "not this client"); };
  rig.connect(), rig.helo();
  EXPECT_EQ(rig.message_with("A: b"), ClientSession::Verdict{});
  EXPECT_THAT(rig.filters[0].heard, testing::AnyOf(ElementsAre(), ElementsAre("close ")));
}

TEST(MultiplexerAhead, OneThatWaitsForAnotherAtTheContentIsAskedAtData) {
  AheadRig rig(2, [](Rig& one) { one.filters[0].wishes.actions = action::add_headers; });
  EXPECT_TRUE(rig.mta->agreement().answers(Command::data));
  rig.filters[1].act = refuses_at<Session::Data>();
  rig.connect(), rig.helo(), rig.mail(), rig.rcpt();
  EXPECT_EQ(rig.data().reply, kNo);
}

// ---- what can't be ----

TEST(MultiplexerAhead, OneWhoseFailureIsFoundAtTheEndOfTheMtasConnectionIsLeftBeforeItIsConnectedToAgain) {
  AheadRig rig(1);
  rig.envelope();
  rig.gathers = false;
  rig.filters[0].way = Way::hangs;
  rig.header("A: b");
  rig.mux->feed_child(0, "nonsense");
  rig.filters[0].way = Way::answers;
  const std::string again("\0\0\0\1K", 5);
  rig.mux->feed_parent(again);
  rig.run();
  EXPECT_EQ(rig.filters[0].connections, 2);
  EXPECT_TRUE(rig.filters[0].open) << "the new one was closed";
}

TEST(MultiplexerAhead, OneThatFloodsBeforeItIsWaitedForIsGivenUp) {
  AheadRig rig(1);
  rig.envelope();
  rig.gathers = false;
  rig.filters[0].way = Way::hangs;
  rig.header("A: b");
  rig.mux->feed_child(0, std::string(70000, '\1'));
  rig.mux->feed_child(0, "x");
  rig.run();
  EXPECT_EQ(rig.end_of_message(), ClientSession::Verdict{}) << "its fallback";
  EXPECT_EQ(rig.child(0).state, ChildReport::State::failed);
}

}  // namespace
}  // namespace hikyaku::milter
