// What the conditions ask of the multiplexer, and tell it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "milter/multiplexer.h"
#include "milter/multiplexer_for_tests.h"

namespace hikyaku::milter {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing_support::Rig;
using testing_support::ScriptedFilter;
using Session = FilterSession;
using Kind = ClientSession::Verdict::Kind;
using Way = ScriptedFilter::Way;
using State = ChildReport::State;

TEST(MultiplexerConditions, OneThatIsRuledOutAtConnectIsToldNothingAndLeft) {
  Rig rig(2, [](Rig& one) { one.settings.decide = {Command::connect}; });
  rig.decide = [&](const Multiplexer::Decide& asked) {
    EXPECT_EQ(std::get<Session::Connect>(*asked.event).name, "mx.example");
    rig.mux->rule_out(0, "S25R: a mail server");
  };
  rig.message();
  EXPECT_THAT(rig.filters[0].heard, ElementsAre("close "));
  EXPECT_THAT(rig.filters[1].heard, Contains("eom"));
  EXPECT_EQ(rig.child(0).state, State::ruled_out);
  EXPECT_EQ(rig.child(0).why, "S25R: a mail server");
}

TEST(MultiplexerConditions, FromMailOnOnlyTheMessageIsMeant) {
  Rig rig(1, [](Rig& one) { one.settings.decide = {Command::rcpt}; });
  bool out = true;
  rig.decide = [&](const Multiplexer::Decide&) {
    if (std::exchange(out, false)) rig.mux->rule_out(0, "not for b");
  };
  rig.connect(), rig.helo(), rig.mail();
  EXPECT_EQ(rig.rcpt().kind, Kind::accept) << "nobody is left";
  EXPECT_EQ(rig.filters[0].heard.back(), "abort");
  rig.mail(), rig.rcpt();
  EXPECT_EQ(rig.filters[0].heard.back(), "rcpt <b@b.example>");
}

TEST(MultiplexerConditions, AMacroIsToldFromThereOn) {
  Rig rig(1, [](Rig& one) {
    one.settings.decide = {Command::mail};
    one.filters[0].act = [](Session& session, const Session::Event& event) {
      if (std::holds_alternative<Session::Rcpt>(event)) {
        EXPECT_EQ(session.macro("{trusted_domain}"), "yes");
      }
    };
  });
  rig.decide = [&](const auto&) { rig.mux->set_macro(0, "trusted_domain", "yes"); };
  rig.envelope();
}

TEST(MultiplexerConditions, AMacroThatTheMtaTellsLaterIsItsOwnFromThereOn) {
  std::vector<std::string> told;
  Rig rig(1, [&](Rig& one) {
    one.settings.decide = {Command::mail};
    one.filters[0].act = [&](Session& session, const Session::Event& event) {
      if (std::holds_alternative<Session::Mail>(event) || std::holds_alternative<Session::Data>(event))
        told.emplace_back(session.macro("i").value_or("none"));
    };
  });
  rig.decide = [&](const auto&) { rig.mux->set_macro(0, "i", "dummy-id"); };
  rig.connect(), rig.helo(), rig.mail(), rig.rcpt();
  rig.macros.set("i", "4QABC");
  rig.data();
  EXPECT_THAT(told, ElementsAre("dummy-id", "4QABC"));
}

TEST(MultiplexerConditions, OneThatFailedHasNoFallbackWhereItIsRuledOut) {
  for (const bool out : {false, true}) {
    Rig rig(2, [](Rig& one) {
      one.settings.decide = {Command::connect};
      one.settings.children[0].fallback = Multiplexer::Fallback::reject;
      one.filters[0].way = Way::refuses_connection;
    });
    rig.decide = [&](const auto&) {
      if (out && rig.mux->may_be_ruled_out(0)) rig.mux->rule_out(0, "not for this client");
    };
    EXPECT_EQ(rig.connect().kind, out ? Kind::go_on : Kind::reply);
  }
}

TEST(MultiplexerConditions, WhatTheyHaveToldIsKnownToLaterOnes) {
  std::vector<std::string> known;
  Rig rig(2, [](Rig& one) { one.settings.decide = {Command::connect, Command::mail, Command::data}; });
  rig.macros.set("j", "mx.example");
  rig.decide = [&](const Multiplexer::Decide& asked) {
    const auto value = [&](std::size_t child, std::string_view name) {
      return std::string(rig.mux->known_macros(child).value(name).value_or("-"));
    };
    known.push_back(value(0, "j") + " " + value(0, "mine") + " " + value(0, "i") + " " + value(1, "mine"));
    if (asked.command == Command::connect) rig.mux->set_macro(0, "mine", "yes");
    if (asked.command == Command::mail) rig.mux->set_macro(0, "i", "dummy-id");
  };
  rig.connect(), rig.helo(), rig.mail(), rig.rcpt();
  rig.macros.set("i", "4QABC");
  rig.data(), rig.abort();
  rig.macros.remove("i");
  rig.mail();
  EXPECT_THAT(known, ElementsAre("mx.example - - -", "mx.example yes - -", "mx.example yes 4QABC -",
                                 "mx.example yes - -"));
}

}  // namespace
}  // namespace hikyaku::milter
