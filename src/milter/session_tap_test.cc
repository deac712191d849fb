#include "milter/session_tap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "milter/packet_text.h"

namespace hikyaku::milter {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::packet;
using Kind = ClientSession::Verdict::Kind;

/// An MTA's end and a filter's end, whose octets the tap hears, one at a time.
class SessionTapTest : public testing::Test {
 protected:
  SessionTapTest() { settings.macros.reset(); }

  void begin(const Wishes& wishes = {.actions = action::all}) {
    mta.emplace(settings);
    pass();
    ASSERT_TRUE(std::holds_alternative<FilterSession::Negotiate>(filter.next()));
    ASSERT_TRUE(filter.negotiate(wishes));
    answer();
  }
  /// What the MTA has to say reaches the filter.
  void pass() {
    const auto output = mta->take_output();
    const auto octets = output.head + std::string(output.body);
    for (const char& octet : octets) tap.heard_mta({&octet, 1}, now);
    filter.feed(octets);
  }
  /// And back.
  void answer() {
    now += std::chrono::milliseconds{5};
    const auto octets = filter.take_output();
    for (const char& octet : octets) tap.heard_filter({&octet, 1}, now);
    mta->feed(octets);
    for (;;) {
      const auto event = mta->next();
      if (!std::holds_alternative<Edit>(event)) break;
    }
  }
  void told(const SessionEvent& event, FilterSession::Answer with = FilterSession::Answer::go_on) {
    std::string_view rest = event.text;
    tell(*mta, event, rest);
    pass();
    static_cast<void>(filter.next());
    filter.answer(with);
    answer();
  }
  static SessionEvent event(Command command, std::string text = {}) {
    SessionEvent made;
    made.command = command;
    made.text = std::move(text);
    return made;
  }

  ClientSession::Settings settings;
  FilterSession::Settings filter_settings;
  std::optional<ClientSession> mta;
  FilterSession filter{filter_settings};
  SessionTap tap;
  SessionTap::Moment now{std::chrono::seconds{100}};
};

TEST_F(SessionTapTest, tells_each_event_as_the_mta_said_it) {
  begin();
  auto connect = event(Command::connect, "mx.example");
  connect.address = {ClientAddress::Family::inet, 25, "192.0.2.1"};
  connect.macros.set("j", "hub.example");
  told(connect);
  auto mail = event(Command::mail, "<a@a.example>");
  mail.parameters = {"SIZE=12"};
  told(mail);
  told(event(Command::rcpt, "<b@b.example>"));
  told(event(Command::data));
  told(event(Command::header, "Subject: x"));
  told(event(Command::end_of_headers));
  told(event(Command::body, "hello\r\n"));
  told(event(Command::end_of_message));
  const auto entries = tap.take();
  ASSERT_EQ(entries.size(), 8U) << tap.trouble();
  EXPECT_EQ(entries[0].event, connect);
  EXPECT_EQ(entries[1].event, mail);
  EXPECT_EQ(entries[4].event.text, "Subject: x");
  EXPECT_EQ(entries[6].event.text, "hello\r\n");
  EXPECT_EQ(entries[6].took, std::chrono::milliseconds{5});
  EXPECT_THAT(tap.take(), IsEmpty()) << "each once";
}

TEST_F(SessionTapTest, tells_verdicts_and_edits) {
  begin();
  told(event(Command::mail, "<a@a.example>"));
  told(event(Command::rcpt, "<b@b.example>"), FilterSession::Answer::reject);
  std::string_view rest;
  tell(*mta, event(Command::end_of_message), rest);
  pass();
  static_cast<void>(filter.next());
  filter.edit(AddHeader{"X-A", "1"});
  filter.edit(ReplaceBody{"one"});
  filter.edit(ReplaceBody{"two"});
  filter.answer(FilterSession::Answer::accept);
  answer();
  const auto entries = tap.take();
  ASSERT_EQ(entries.size(), 3U) << tap.trouble();
  EXPECT_EQ(entries[1].answer.verdict.kind, Kind::reply);
  EXPECT_EQ(entries[1].answer.verdict.reply.code, 550);
  EXPECT_EQ(entries[2].answer.verdict.kind, Kind::accept);
  EXPECT_THAT(entries[2].answer.edits, ElementsAre(Edit(AddHeader{"X-A", "1"}), Edit(ReplaceBody{"onetwo"})));
}

TEST_F(SessionTapTest, events_without_an_answer_are_told_at_once) {
  begin({.actions = 0, .steps = step::no_reply_mail});
  std::string_view rest;
  tell(*mta, event(Command::mail, "<a@a.example>"), rest);
  pass();
  EXPECT_EQ(tap.take().size(), 1U);
}

TEST_F(SessionTapTest, a_filter_that_talks_nonsense_ends_it) {
  begin();
  std::string_view rest;
  tell(*mta, event(Command::mail, "<a@a.example>"), rest);
  pass();
  tap.heard_filter(packet('Z'), now);
  EXPECT_THAT(tap.trouble(), HasSubstr("'Z'"));
  ASSERT_EQ(tap.take().size(), 1U) << "what was asked is kept";
  tap.heard_mta("anything", now);
  EXPECT_THAT(tap.take(), IsEmpty());
}

TEST_F(SessionTapTest, an_mta_that_talks_nonsense_ends_it) {
  tap.heard_mta(packet('R', "<b@b.example>"), now);
  EXPECT_THAT(tap.trouble(), HasSubstr("before the negotiation"));
}

}  // namespace
}  // namespace hikyaku::milter
