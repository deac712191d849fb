// What a dialogue cannot show: when replies leave, what is kept, and how the driver may misbehave.
#include "smtp/server_session.h"

#include <gtest/gtest.h>

#include <string>

namespace hikyaku::smtp {
namespace {

using Session = ServerSession;

template <class Expected>
bool next_is(Session& session) {
  return std::holds_alternative<Expected>(session.next());
}

void connect(Session& session) {
  ASSERT_TRUE(next_is<Session::Connected>(session));
  session.reply({220, {}, ""});
  ASSERT_TRUE(next_is<Session::NeedBytes>(session));
  EXPECT_EQ(session.take_output(), "220 localhost ESMTP Hikyaku\r\n");
}

void begin_message(Session& session) {
  session.feed("MAIL FROM:<a@a.example>\r\nRCPT TO:<b@b.example>\r\nDATA\r\n");
  ASSERT_TRUE(next_is<Session::Sender>(session));
  session.reply({250, {2, 1, 0}, "Ok"});
  ASSERT_TRUE(next_is<Session::Recipient>(session));
  session.reply({250, {2, 1, 5}, "Ok"});
  ASSERT_TRUE(next_is<Session::Data>(session));
  session.reply({354, {}, ""});
  ASSERT_TRUE(next_is<Session::NeedBytes>(session));
}

// RFC 2920 s. 3.2: the answers of a group may leave together, in one write.
TEST(ServerSession, AnswersOfAGroupLeaveTogether) {
  const Session::Settings settings;
  Session session(settings);
  connect(session);
  begin_message(session);
  EXPECT_EQ(session.take_output(), "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 End data with <CR><LF>.<CR><LF>\r\n");
}

TEST(ServerSession, PathsAndParametersAreToldAsTheyWereWritten) {
  const Session::Settings settings;
  Session session(settings);
  connect(session);
  session.feed(
      "MAIL FROM: <@relay.example:A@a.example>  size=10   body=8BITMIME \r\nRCPT TO:b@b.example\r\n");
  auto event = session.next();
  const auto* sender = std::get_if<Session::Sender>(&event);
  ASSERT_NE(sender, nullptr);
  EXPECT_EQ(sender->as_written.path, "<@relay.example:A@a.example>");
  EXPECT_EQ(sender->as_written.parameters, "size=10   body=8BITMIME");
  session.reply({250, {2, 1, 0}, "Ok"});
  event = session.next();
  const auto* recipient = std::get_if<Session::Recipient>(&event);
  ASSERT_NE(recipient, nullptr);
  EXPECT_EQ(recipient->as_written.path, "b@b.example");
  EXPECT_EQ(recipient->as_written.parameters, "");
}

TEST(ServerSession, ContentIsAViewIntoTheInput) {
  const Session::Settings settings;
  Session session(settings);
  connect(session);
  begin_message(session);
  const std::string text = std::string(3000, 'x') + "\r\nline\r\n";
  const auto room = session.prepare(text.size() + 3);
  std::ranges::copy(text + ".\r\n", room.begin());
  session.commit(text.size() + 3);
  const auto event = session.next();
  const auto* content = std::get_if<Session::Content>(&event);
  ASSERT_NE(content, nullptr);
  EXPECT_EQ(content->octets, text);
  EXPECT_EQ(content->octets.data(), room.data());
  EXPECT_TRUE(next_is<Session::ContentEnd>(session));
}

TEST(ServerSession, RefusedConnectionsHaveOnlyQuitLeft) {
  const Session::Settings settings;
  Session session(settings);
  ASSERT_TRUE(next_is<Session::Connected>(session));
  session.reply({554, {5, 7, 1}, "no mail from here"});
  session.feed("NOOP\r\nQUIT\r\n");
  const auto event = session.next();
  ASSERT_TRUE(std::holds_alternative<Session::Close>(event));
  EXPECT_EQ(session.take_output(),
            "554 5.7.1 no mail from here\r\n503 5.5.1 Error: send QUIT\r\n221 2.0.0 Bye\r\n");
}

TEST(ServerSession, TemporarilyRefusedConnectionsEnd) {
  const Session::Settings settings;
  Session session(settings);
  ASSERT_TRUE(next_is<Session::Connected>(session));
  session.reply({421, {4, 7, 0}, "too many connections"});
  ASSERT_TRUE(next_is<Session::Close>(session));
  EXPECT_EQ(session.take_output(), "421 4.7.0 too many connections\r\n");
}

TEST(ServerSession, ShutDownSaysWhyAndEnds) {
  const Session::Settings settings;
  Session session(settings);
  connect(session);
  session.shut_down({421, {4, 4, 2}, "localhost Error: timeout exceeded"}, "timeout");
  const auto event = session.next();
  ASSERT_TRUE(std::holds_alternative<Session::Close>(event));
  EXPECT_EQ(std::get<Session::Close>(event).reason, "timeout");
  EXPECT_EQ(session.take_output(), "421 4.4.2 localhost Error: timeout exceeded\r\n");
}

// A driver that forgets to answer must not make the session go on as if it had.
TEST(ServerSession, UnansweredEventEndsTheTalk) {
  const Session::Settings settings;
  Session session(settings);
  connect(session);
  session.feed("MAIL FROM:<a@a.example>\r\n");
  ASSERT_TRUE(next_is<Session::Sender>(session));
  ASSERT_TRUE(next_is<Session::Close>(session));
  EXPECT_EQ(session.take_output(), "421 4.3.0 localhost Error: internal error\r\n");
}

TEST(ServerSession, ForbiddenPatternEndsTheTalk) {
  Session::Settings settings;
  settings.forbidden_pattern = [](std::string_view word) { return word.front() == '{'; };
  Session session(settings);
  connect(session);
  session.feed("{\"json\": 1}\r\n");
  ASSERT_TRUE(next_is<Session::Close>(session));
  EXPECT_EQ(session.take_output(), "221 2.7.0 Error: I can break rules, too. Goodbye.\r\n");
}

struct ProtocolCase {
  bool lmtp, ehlo, tls, utf8;
  std::string_view want;
};

TEST(ServerSession, TellsTheProtocolForReceived) {
  for (const auto& row :
       {ProtocolCase{false, false, false, false, "SMTP"}, ProtocolCase{false, true, false, false, "ESMTP"},
        ProtocolCase{false, true, true, false, "ESMTPS"}, ProtocolCase{false, true, true, true, "UTF8SMTPS"},
        ProtocolCase{true, true, false, false, "LMTP"}}) {
    Session::Settings settings;
    settings.protocol = row.lmtp ? Protocol::lmtp : Protocol::smtp;
    Session session(settings, {.tls = row.tls});
    connect(session);
    session.feed(row.lmtp ? "LHLO c\r\n" : row.ehlo ? "EHLO c\r\n" : "HELO c\r\n");
    ASSERT_TRUE(next_is<Session::Hello>(session));
    session.reply({250, {}, ""});
    EXPECT_EQ(session.with_protocol(row.utf8), row.want);
  }
}

}  // namespace
}  // namespace hikyaku::smtp
