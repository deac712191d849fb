// A filter that is told a message's content ahead: without waiting for an answer to each header and the body.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "milter/mta_for_tests.h"

namespace hikyaku::milter {
namespace {

using namespace testing_support;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Behind = Session::Behind;
using Kind = Session::Verdict::Kind;

constexpr std::string_view kBody = "body\r\n";

/// The filter has answered DATA.
class ToldAhead : public testing::Test {
 protected:
  explicit ToldAhead(std::uint32_t steps = 0) : mta(steps) {
    mta.session.tell_ahead({.content = true});
    begin();
  }
  void begin() {
    mta.mail(), mta.pass();
    mta.rcpt(), mta.pass();
    mta.session.data(mta.macros), mta.pass();
  }
  void header(std::string_view text = "A: b") { mta.session.header(text, mta.macros); }
  /// Two headers and a body, up to before the end of the message.
  void content() {
    header("A: b"), passes();
    header("C: d"), passes();
    mta.session.end_of_headers(mta.macros), passes();
    mta.session.body(kBody, mta.macros, Behind::nothing), passes();
  }
  void passes() { EXPECT_EQ(mta.verdict(), Session::Verdict{}) << "before the filter said anything"; }

  Mta mta;
};
class ToldAheadWithSkip : public ToldAhead {
 protected:
  ToldAheadWithSkip() : ToldAhead(step::skip) {}
};

TEST_F(ToldAhead, AllOfAShortMessageGoesOutAtOnceAndIsAnsweredWithItsEnd) {
  content();
  mta.session.end_of_message(mta.macros);
  EXPECT_THAT(mta.sent(), ElementsAre("LA|b|", "LC|d|", "N", "Bbody\r\n", "E"));
  EXPECT_EQ(
      mta.hear(packet('c') + packet('c') + packet('c') + packet('c') + packet('h', "X|y|") + packet('c')),
      Session::Verdict{});
  EXPECT_THAT(mta.edits, ElementsAre(Edit(AddHeader{"X", "y"})));
  EXPECT_EQ(mta.session.answered_event(), Command::end_of_message);
  EXPECT_FALSE(mta.session.out_of_step());
  begin();  // another message on the same connection
}

TEST_F(ToldAhead, EachAnswerRenewsTheTimeout) {
  content();
  mta.session.end_of_message(mta.macros);
  EXPECT_TRUE(mta.waits());
  EXPECT_EQ(mta.timeout, Session::Timeout::content);
  const auto before = mta.renewals;
  mta.session.feed(packet('c'));
  EXPECT_TRUE(mta.waits());
  EXPECT_EQ(mta.renewals, before + 1);
  EXPECT_TRUE(mta.waits());
  EXPECT_EQ(mta.renewals, before + 1) << "nothing came";
}

TEST_F(ToldAhead, WithoutBeingAskedToASessionWaitsForEachAnswer) {
  Mta plain;
  plain.mail(), plain.pass();
  plain.session.header("A: b", plain.macros);
  EXPECT_TRUE(plain.waits());
}

TEST_F(ToldAhead, WhatCommandsAreAnsweredWithIsWaitedFor) {
  mta.mail();
  EXPECT_TRUE(mta.waits());
  mta.pass(), mta.rcpt();
  EXPECT_TRUE(mta.waits());
  mta.pass(), mta.session.data(mta.macros);
  EXPECT_TRUE(mta.waits());
}

TEST_F(ToldAhead, AnEditBeforeTheEndOfTheMessageIsOutOfTurnThoughTheEndWasTold) {
  content();
  mta.session.end_of_message(mta.macros);
  const auto verdict = mta.hear(packet('c') + packet('h', "X|y|"));
  EXPECT_THAT(verdict.failure, HasSubstr("'add header' after header, not at the end of the message"));
}

TEST_F(ToldAhead, AFailureNamesTheEventThatIsNotAnswered) {
  content();
  mta.session.end_of_message(mta.macros);
  EXPECT_TRUE(mta.waits());
  mta.session.feed(packet('c') + packet('c'));
  EXPECT_TRUE(mta.waits());
  mta.session.timed_out();
  EXPECT_EQ(mta.verdict().failure, "no answer to end of headers within milter_content_timeout");
}

TEST_F(ToldAhead, AnAnswerTooManyIsNotTakenForTheNextMessages) {
  content();
  mta.session.end_of_message(mta.macros);
  mta.session.feed(packet('c') + packet('c') + packet('c') + packet('c') + packet('c') + packet('c'));
  EXPECT_EQ(mta.verdict().failure, "the filter spoke out of turn after end of message");
}

// ---- a filter that decides earlier ----

TEST_F(ToldAhead, ADecisionAtAHeaderCountsAndTheConnectionIsOutOfStep) {
  for (const auto& [said, kind] : {std::pair{packet('r'), Kind::reply}, std::pair{packet('a'), Kind::accept},
                                   std::pair{packet('d'), Kind::discard}}) {
    Mta one;
    one.session.tell_ahead({.content = true});
    one.mail(), one.pass();
    one.session.header("A: b", one.macros), one.verdict();
    one.session.header("C: d", one.macros), one.verdict();
    one.session.end_of_message(one.macros);
    const auto verdict = one.hear(packet('c') + said);
    EXPECT_EQ(verdict.kind, kind);
    EXPECT_EQ(verdict.failure, "");
    EXPECT_EQ(one.session.answered_event(), Command::header);
    EXPECT_TRUE(one.session.out_of_step()) << "may be that the end is answered too";
    EXPECT_FALSE(one.session.active());
  }
}

TEST_F(ToldAhead, NoMessageFollowsOnAConnectionThatIsOutOfStep) {
  content();
  mta.session.end_of_message(mta.macros);
  EXPECT_EQ(mta.hear(packet('y', "550 5.7.1 no|")).reply, (SmtpReply{550, "5.7.1", "no"}));
  mta.mail();
  EXPECT_THAT(mta.verdict().failure, HasSubstr("its connection was not made anew before mail"));
}

TEST_F(ToldAhead, ADecisionAtTheEndOfTheMessageIsInStep) {
  content();
  mta.session.end_of_message(mta.macros);
  EXPECT_EQ(mta.hear(packet('c') + packet('c') + packet('c') + packet('c') + packet('r')).kind, Kind::reply);
  EXPECT_FALSE(mta.session.out_of_step());
  begin();
}

TEST_F(ToldAhead, AMessageThatIsGivenUpLeavesTheConnectionOutOfStep) {
  content();
  mta.session.abort();
  EXPECT_TRUE(mta.session.out_of_step());
}

TEST_F(ToldAhead, OrWhatItAnswersIsWaitedFor) {
  content();
  mta.sent();
  mta.session.await_answers();
  EXPECT_TRUE(mta.waits());
  EXPECT_EQ(mta.hear(packet('c') + packet('c') + packet('c') + packet('c')), Session::Verdict{});
  EXPECT_FALSE(mta.session.owes_answers());
  mta.session.abort();
  EXPECT_FALSE(mta.session.out_of_step());
  EXPECT_THAT(mta.sent(), ElementsAre("A"));
  begin();
}

// ---- what is not told ahead ----

TEST_F(ToldAheadWithSkip, ABodyOfSeveralPacketsIsToldOneByOneForSkip) {
  header(), passes();
  mta.session.end_of_headers(mta.macros), passes();
  mta.session.body("first ", mta.macros);
  EXPECT_THAT(mta.sent(), ElementsAre("LA|b|", "N", "Bfirst "));
  EXPECT_EQ(mta.hear(packet('c') + packet('c') + packet('s')), Session::Verdict{});
  EXPECT_FALSE(mta.session.wants(Command::body));
  mta.session.body("last", mta.macros, Behind::nothing), passes();
  EXPECT_THAT(mta.sent(), IsEmpty());
}

TEST_F(ToldAheadWithSkip, SkipAfterAHeaderEndsNothingElse) {
  content();
  mta.session.end_of_message(mta.macros);
  EXPECT_EQ(mta.hear(packet('s') + packet('c') + packet('c') + packet('s') + packet('c')),
            Session::Verdict{});
  begin();
  header(), passes();
  EXPECT_THAT(mta.sent(), ElementsAre("LA|b|")) << "another message";
}

TEST_F(ToldAhead, OfManyHeadersTheAnswersAreWaitedForInBetween) {
  std::size_t ahead = 0;
  for (; ahead < 1000; ++ahead) {
    header();
    if (mta.waits()) break;
  }
  EXPECT_EQ(ahead, 99U);
  for (std::size_t i = 0; i < ahead; ++i) mta.session.feed(packet('c'));
  EXPECT_TRUE(mta.waits());
  EXPECT_EQ(mta.hear(packet('c')), Session::Verdict{});
  header(), passes();
}

// ---- the client, HELO and DATA ----

/// As the multiplexer asks for it.
class EnvelopeToldAhead : public testing::Test {
 protected:
  EnvelopeToldAhead() { mta.session.tell_ahead({true, true, true, true}); }
  void greeted() {
    mta.connect(), passes();
    mta.helo(), passes();
  }
  void passes() { EXPECT_EQ(mta.verdict(), Session::Verdict{}) << "before the filter said anything"; }
  Mta mta;
};

TEST_F(EnvelopeToldAhead, TheClientAndHeloAreAnsweredWithMail) {
  greeted();
  EXPECT_FALSE(mta.session.owes_answers()) << "of a message";
  EXPECT_TRUE(mta.session.may_speak());
  mta.mail();
  EXPECT_TRUE(mta.waits());
  EXPECT_EQ(mta.timeout, Session::Timeout::command);
  EXPECT_EQ(mta.hear(packet('c') + packet('c') + packet('c')), Session::Verdict{});
  EXPECT_EQ(mta.session.answered_event(), Command::mail);
}

TEST_F(EnvelopeToldAhead, AnUnknownCommandIsNotInTheWay) {
  greeted();
  mta.session.unknown("FOO", mta.macros);
  EXPECT_EQ(mta.hear(packet('c') + packet('c') + packet('c')), Session::Verdict{});
}

TEST_F(EnvelopeToldAhead, WhatItSaysToTheClientHoldsForTheConnection) {
  for (const char said : {'r', 'a', '4'}) {
    Mta one;
    one.session.tell_ahead({true, true, true, true});
    one.connect(), one.verdict();
    one.helo(), one.verdict();
    one.mail();
    const auto verdict = one.hear(packet(said));
    EXPECT_NE(verdict, Session::Verdict{});
    EXPECT_EQ(one.session.decided_early(), Command::connect);
    EXPECT_FALSE(one.session.out_of_step()) << "it is told nothing any more";
    EXPECT_TRUE(one.session.unheard());
    one.mail();
    EXPECT_EQ(one.verdict(), verdict);
  }
}

TEST_F(EnvelopeToldAhead, AMessageThatIsGivenUpBeforeItBeganCostsNothing) {
  greeted();
  mta.session.abort();
  EXPECT_FALSE(mta.session.out_of_step());
  mta.mail();
  EXPECT_EQ(mta.hear(packet('c') + packet('c') + packet('c')), Session::Verdict{});
}

TEST_F(EnvelopeToldAhead, DataIsAnsweredWithTheContent) {
  mta.mail(), mta.pass();
  mta.session.data(mta.macros), passes();
  EXPECT_TRUE(mta.session.owes(Command::data));
  mta.session.header("A: b", mta.macros), passes();
  mta.session.end_of_message(mta.macros);
  EXPECT_EQ(mta.hear(packet('r')).kind, Kind::reply);
  EXPECT_EQ(mta.session.decided_early(), Command::data);
  EXPECT_TRUE(mta.session.out_of_step());
}

TEST(ToldAheadWithoutReplies, EventsWithoutAnAnswerAreNotCounted) {
  Mta mta(step::no_reply_header | step::no_reply_body);
  mta.session.tell_ahead({.content = true});
  mta.mail(), mta.pass();
  mta.session.header("A: b", mta.macros);
  EXPECT_EQ(mta.verdict(), Session::Verdict{});
  EXPECT_FALSE(mta.session.owes_answers());
  mta.session.end_of_headers(mta.macros);
  EXPECT_EQ(mta.verdict(), Session::Verdict{});
  EXPECT_TRUE(mta.session.owes_answers());
  mta.session.body(kBody, mta.macros, Behind::nothing);
  EXPECT_EQ(mta.verdict(), Session::Verdict{});
  mta.session.end_of_message(mta.macros);
  EXPECT_EQ(mta.hear(packet('c') + packet('c')), Session::Verdict{});
}

}  // namespace
}  // namespace hikyaku::milter
