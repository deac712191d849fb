#include "probe/send_conversation.h"

#include <gtest/gtest.h>

#include "probe/scripted_wire.h"

namespace hikyaku::probe {
namespace {

using hikyaku::testing_support::ScriptedWire;

constexpr std::string_view kEhlo =
    "250-peer\r\n250-PIPELINING\r\n250-STARTTLS\r\n250-AUTH SCRAM-SHA-256 PLAIN\r\n250 PRDR\r\n";

/// Says a name, and owes or has the server's proof.
class Client final : public AuthClient {
 public:
  Client(bool begins, bool owed) : begins_(begins), owed_(owed) {}
  std::string_view mechanism() const override { return "X"; }
  std::optional<std::string> initial() override {
    return begins_ ? std::optional<std::string>("me") : std::nullopt;
  }
  Result<std::string> answer(std::string_view) override { return std::string("pw"); }
  bool wants_proof() const override { return owed_; }

 private:
  bool begins_, owed_;
};

struct Played {
  SendOutcome outcome;
  std::string sent, record;
  bool ended = false;
};

Played play(const SendRequest& request, ScriptedWire& wire, bool begins = true, bool owed = false) {
  KeepingSink sink;
  const auto elapsed = wire.elapsed();
  Played played;
  played.outcome =
      send_message(request, wire, sink, elapsed, [&](const std::string& mechanism, const TlsReport*) {
        return mechanism == "EXTERNAL"
                   ? Result<std::unique_ptr<AuthClient>>(fail(Fault::not_found, "no EXTERNAL here"))
                   : Result<std::unique_ptr<AuthClient>>(std::make_unique<Client>(begins, owed));
      });
  played.sent = wire.sent();
  played.record = sink.text();
  played.ended = wire.ended();
  return played;
}

SendRequest request() {
  SendRequest out;
  out.helo = "c";
  out.from = "a@a";
  out.to = {"b@b", "d@d"};
  out.content = "S: x\r\n\r\nbody\r\n.\r\n";
  return out;
}

ScriptedWire& greeted(ScriptedWire& wire) {
  return wire.says("220 hi\r\n").answers("EHLO", std::string(kEhlo));
}
ScriptedWire& taken(ScriptedWire& wire) {
  return wire.answers("MAIL", "250 ok\r\n")
      .answers("RCPT", "250 ok\r\n")
      .answers("RCPT", "550 no\r\n")
      .answers("DATA", "354 go\r\n");
}

TEST(SendMessage, SaysAndTimesEachStep) {
  ScriptedWire wire;
  taken(greeted(wire)).answers("\r\n.\r\n", "250 taken\r\n").answers("QUIT", "221 bye\r\n");
  const auto played = play(request(), wire);
  EXPECT_EQ(played.outcome.exit, SendExit::ok);
  EXPECT_EQ(played.sent,
            "EHLO c\r\nMAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\nRCPT TO:<d@d>\r\nDATA\r\nS: "
            "x\r\n\r\nbody\r\n.\r\nQUIT\r\n");
  EXPECT_EQ(played.outcome.accepted, std::vector<std::string>{"b@b"});
  EXPECT_EQ(played.outcome.refused, std::vector<std::string>{"d@d"});
  std::string steps;
  for (const auto& step : played.outcome.steps) {
    steps += step.name + ' ' + std::to_string(step.code) + ' ';
    EXPECT_GT(step.took.count(), 0) << step.name;
  }
  EXPECT_EQ(steps, "banner 220 EHLO 250 MAIL 250 RCPT 250 RCPT 550 DATA 354 content 250 QUIT 221 ");
  EXPECT_NE(played.record.find("<** 550 no\n"), std::string::npos) << played.record;
}

TEST(SendMessage, SummarisesContent) {
  ScriptedWire wire;
  taken(greeted(wire)).answers("\r\n.\r\n", "250 taken\r\n").answers("QUIT", "221 bye\r\n");
  auto wanted = request();
  wanted.suppress_content = true;
  const auto played = play(wanted, wire);
  EXPECT_NE(played.record.find(" -> 4 lines sent\n"), std::string::npos) << played.record;
  EXPECT_EQ(played.record.find("body"), std::string::npos);
}

TEST(SendMessage, EndsAMessageThatMayNotBeSent) {
  // All recipients are refused, and DATA is not: without a dot the server would wait for a message.
  ScriptedWire wire;
  greeted(wire)
      .answers("MAIL", "250 ok\r\n550 no\r\n550 no\r\n354 go\r\n")
      .answers(".\r\n", "554 none\r\n")
      .answers("QUIT", "221 bye\r\n");
  auto wanted = request();
  wanted.pipeline = true;
  const auto played = play(wanted, wire);
  EXPECT_EQ(played.outcome.exit, SendExit::rcpt);
  EXPECT_TRUE(played.sent.ends_with("DATA\r\n.\r\nQUIT\r\n")) << played.sent;
}

TEST(SendMessage, AsksEachRecipientsReplyOfPrdr) {
  ScriptedWire wire;
  greeted(wire)
      .answers("PRDR", "250 ok\r\n")
      .answers("RCPT", "250 ok\r\n")
      .answers("RCPT", "250 ok\r\n")
      .answers("DATA", "354 go\r\n");
  wire.answers("\r\n.\r\n", "353 each\r\n250 yes\r\n550 no\r\n250 done\r\n").answers("QUIT", "221 bye\r\n");
  auto wanted = request();
  wanted.prdr = true;
  const auto played = play(wanted, wire);
  EXPECT_EQ(played.outcome.exit, SendExit::ok) << played.record;
  EXPECT_EQ(played.outcome.accepted, std::vector<std::string>{"b@b"});
}

struct FateCase {
  const char* name;
  SendRequest::Protocol protocol;
  const char* replies;  ///< to the content; then the server closes
  SendExit exit;
  std::string fate;  ///< who has it; who has not; of whom nothing is known
};

class SendFates : public testing::TestWithParam<FateCase> {};
TEST_P(SendFates, AreTold) {
  const bool lmtp = GetParam().protocol == SendRequest::Protocol::lmtp;
  ScriptedWire wire;
  wire.says("220 hi\r\n")
      .answers(lmtp ? "LHLO" : "EHLO", std::string(kEhlo))
      .answers("MAIL", "250 ok\r\n")
      .answers("RCPT", "250 ok\r\n")
      .answers("RCPT", "250 ok\r\n")
      .answers("DATA", "354 go\r\n")
      .answers("\r\n.\r\n", GetParam().replies)
      .closes();
  auto wanted = request();
  wanted.protocol = GetParam().protocol;
  wanted.prdr = !lmtp;
  const auto outcome = play(wanted, wire).outcome;
  std::string fate;
  for (const auto* list : {&outcome.accepted, &outcome.refused, &outcome.unknown}) {
    for (const auto& one : *list) fate += one + ' ';
    fate += '/';
  }
  EXPECT_EQ(fate, GetParam().fate);
  EXPECT_EQ(outcome.exit, GetParam().exit);
}

constexpr auto kEsmtp = SendRequest::Protocol::esmtp, kLmtp = SendRequest::Protocol::lmtp;
INSTANTIATE_TEST_SUITE_P(
    , SendFates,
    testing::Values(
        FateCase{"closed_after_the_dot", kEsmtp, "", SendExit::closed, "//b@b d@d /"},
        FateCase{"refused", kEsmtp, "554 no\r\n", SendExit::content, "/b@b d@d //"},
        FateCase{"lmtp_closed_after_the_first", kLmtp, "250 a\r\n", SendExit::closed, "b@b //d@d /"},
        FateCase{"lmtp_closed_after_a_refusal", kLmtp, "550 a\r\n", SendExit::closed, "/b@b /d@d /"},
        FateCase{"prdr_refused_at_the_end", kEsmtp, "353 each\r\n250 a\r\n250 b\r\n550 no\r\n",
                 SendExit::content, "/b@b d@d //"},
        FateCase{"prdr_closed_before_the_end", kEsmtp, "353 each\r\n250 a\r\n550 b\r\n", SendExit::closed,
                 "/d@d /b@b /"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(SendMessage, DoesNotGoOnAfterInjectedOctets) {
  ScriptedWire wire;
  greeted(wire).answers("STARTTLS", "220 go\r\n250 injected\r\n").shakes_hands(TlsReport{}, "", 5);
  auto wanted = request();
  wanted.tls = Want::optional;
  const auto played = play(wanted, wire);
  EXPECT_EQ(played.outcome.exit, SendExit::tls);
  EXPECT_TRUE(played.sent.ends_with("STARTTLS\r\n")) << played.sent;
  EXPECT_TRUE(played.ended);
}

TEST(SendMessage, DoesNotTakeACertificateThatIsNotTrusted) {
  for (const bool name : {false, true}) {
    ScriptedWire wire;
    TlsReport report;
    report.trusted = name;
    greeted(wire).answers("STARTTLS", "220 go\r\n").shakes_hands(report);
    auto wanted = request();
    wanted.tls = Want::required;
    (name ? wanted.verify_name : wanted.verify_chain) = true;
    const auto played = play(wanted, wire);
    EXPECT_EQ(played.outcome.exit, SendExit::tls);
    EXPECT_TRUE(played.ended);
    EXPECT_NE(played.record.find("*** TLS startup failed (its certificate is not "), std::string::npos)
        << played.record;
  }
}

TEST(SendMessage, ForgetsWhatWasOfferedBeforeTls) {
  ScriptedWire wire;
  greeted(wire)
      .answers("STARTTLS", "220 go\r\n")
      .shakes_hands(TlsReport{})
      .answers("EHLO", "250 peer\r\n")
      .answers("QUIT", "221 bye\r\n");
  auto wanted = request();
  wanted.tls = Want::required;
  wanted.auth = Want::required;
  const auto played = play(wanted, wire);
  EXPECT_EQ(played.outcome.exit, SendExit::auth);
  EXPECT_EQ(played.sent, "EHLO c\r\nSTARTTLS\r\nEHLO c\r\nQUIT\r\n");
}

struct AuthCase {
  const char* name;
  bool begins, owed;
  std::vector<std::string> replies;  ///< to AUTH SCRAM-SHA-256, to the answer, and so on
  std::string sent;
  SendExit exit;
};

class SendAuth : public testing::TestWithParam<AuthCase> {};
TEST_P(SendAuth, Ends) {
  const auto& row = GetParam();
  ScriptedWire wire;
  greeted(wire);
  for (const auto& reply : row.replies) wire.answers("\r\n", reply + "\r\n");
  auto wanted = request();
  wanted.auth = Want::required;
  wanted.quit_after = StopPoint::auth;
  wanted.mechanisms = {"SCRAM-SHA-256"};
  const auto played = play(wanted, wire, row.begins, row.owed);
  EXPECT_EQ(played.sent, "EHLO c\r\n" + row.sent);
  EXPECT_EQ(played.outcome.exit, row.exit) << played.record;
  EXPECT_EQ(played.outcome.mechanism, row.exit == SendExit::ok ? "SCRAM-SHA-256" : "");
}

INSTANTIATE_TEST_SUITE_P(, SendAuth,
                         testing::Values(AuthCase{"at_once",
                                                  true,
                                                  false,
                                                  {"235 ok", "221 bye"},
                                                  "AUTH SCRAM-SHA-256 bWU=\r\nQUIT\r\n",
                                                  SendExit::ok},
                                         AuthCase{"after_a_challenge",
                                                  false,
                                                  false,
                                                  {"334 eA==", "235 ok", "221 bye"},
                                                  "AUTH SCRAM-SHA-256\r\ncHc=\r\nQUIT\r\n",
                                                  SendExit::ok},
                                         AuthCase{"let_in_without_a_word",
                                                  false,
                                                  false,
                                                  {"235 ok", "221 bye"},
                                                  "AUTH SCRAM-SHA-256\r\nQUIT\r\n",
                                                  SendExit::auth},
                                         AuthCase{"let_in_without_the_servers_proof",
                                                  true,
                                                  true,
                                                  {"235 ok", "221 bye"},
                                                  "AUTH SCRAM-SHA-256 bWU=\r\nQUIT\r\n",
                                                  SendExit::auth},
                                         AuthCase{"refused",
                                                  true,
                                                  false,
                                                  {"535 no", "221 bye"},
                                                  "AUTH SCRAM-SHA-256 bWU=\r\nQUIT\r\n",
                                                  SendExit::auth},
                                         AuthCase{"a_challenge_that_is_no_base64",
                                                  true,
                                                  false,
                                                  {"334 !", "501 cancelled", "221 bye"},
                                                  "AUTH SCRAM-SHA-256 bWU=\r\n*\r\nQUIT\r\n",
                                                  SendExit::auth}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(SendAuthentication, HasAnEndOfChallenges) {
  ScriptedWire wire;
  greeted(wire);
  for (int i = 0; i < 30; ++i) wire.answers("\r\n", "334 eA==\r\n");
  auto wanted = request();
  wanted.auth = Want::required;
  const auto played = play(wanted, wire);
  EXPECT_EQ(played.outcome.exit, SendExit::auth);
  EXPECT_LT(played.sent.size(), 500U);
}

TEST(SendAuthentication, GoesOnWithTheNextMechanism) {
  ScriptedWire wire;
  wire.says("220 hi\r\n")
      .answers("EHLO", "250-p\r\n250 AUTH EXTERNAL MINE\r\n")
      .answers("AUTH MINE", "235 ok\r\n")
      .answers("QUIT", "221 bye\r\n");
  auto wanted = request();
  wanted.auth = Want::required;
  wanted.quit_after = StopPoint::auth;
  wanted.mechanisms = {"EXTERNAL", "MINE"};
  wanted.mechanism_aliases = {{"MINE", "PLAIN"}};
  const auto played = play(wanted, wire);
  EXPECT_EQ(played.sent, "EHLO c\r\nAUTH MINE bWU=\r\nQUIT\r\n");
  EXPECT_EQ(played.outcome.mechanism, "MINE");
}

struct RefusedCase {
  const char* name;
  const char* says;
  SendExit exit;
  const char* sent;
};

class SendGreeting : public testing::TestWithParam<RefusedCase> {};
TEST_P(SendGreeting, Ends) {
  ScriptedWire wire;
  if (*GetParam().says != '\0') wire.says(GetParam().says);
  if (std::string_view(GetParam().sent).empty()) wire.closes();
  const auto played = play(request(), wire);
  EXPECT_EQ(played.outcome.exit, GetParam().exit) << played.record;
  EXPECT_EQ(played.sent, GetParam().sent);
}

INSTANTIATE_TEST_SUITE_P(, SendGreeting,
                         testing::Values(RefusedCase{"silence", "", SendExit::banner, "QUIT\r\n"},
                                         RefusedCase{"closed", "220-hi\r\n", SendExit::closed, ""},
                                         RefusedCase{"no_reply_at_all", "hello\r\n", SendExit::banner,
                                                     "QUIT\r\n"},
                                         RefusedCase{"refused", "554 no\r\n", SendExit::banner, "QUIT\r\n"}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(SendMessage, WaitsForAReplyAsAWholeAndNoLonger) {
  ScriptedWire wire;
  for (int i = 0; i < 100; ++i) wire.says("220-still\r\n");
  wire.takes(std::chrono::seconds(1));
  const auto played = play(request(), wire);
  EXPECT_EQ(played.outcome.exit, SendExit::banner);
  EXPECT_NE(played.record.find("no reply to banner within 30 s"), std::string::npos) << played.record;
}

/// A point of the conversation whose step is not done: it ends there all the same.
struct StopCase {
  const char* name;
  StopPoint quit = StopPoint::none, drop = StopPoint::none, drop_sending = StopPoint::none;
  Want xclient = Want::no, tls = Want::no, auth = Want::no;
  const char* sent = "EHLO c\r\n";
};

class SendStops : public testing::TestWithParam<StopCase> {};
TEST_P(SendStops, AreNotPassed) {
  ScriptedWire wire;
  wire.says("220 hi\r\n").answers("EHLO", "250 peer\r\n").answers("QUIT", "221 bye\r\n");
  auto wanted = request();
  wanted.quit_after = GetParam().quit;
  wanted.drop_after = GetParam().drop;
  wanted.drop_after_send = GetParam().drop_sending;
  wanted.xclient = GetParam().xclient;
  if (wanted.xclient != Want::no) wanted.xclient_commands = {{"NAME=x", {"NAME"}}};
  wanted.tls = GetParam().tls;
  wanted.auth = GetParam().auth;
  const auto played = play(wanted, wire);
  EXPECT_EQ(played.sent, GetParam().sent);
  EXPECT_EQ(played.outcome.exit, SendExit::ok) << played.record;
  EXPECT_TRUE(played.ended);
}

constexpr auto kXclientPoint = StopPoint::xclient;
INSTANTIATE_TEST_SUITE_P(
    , SendStops,
    testing::Values(
        StopCase{.name = "quit_without_xclient", .quit = kXclientPoint, .sent = "EHLO c\r\nQUIT\r\n"},
        StopCase{.name = "quit_where_xclient_is_not_offered",
                 .quit = kXclientPoint,
                 .xclient = Want::optional,
                 .sent = "EHLO c\r\nQUIT\r\n"},
        StopCase{.name = "drop_without_xclient", .drop = kXclientPoint},
        StopCase{.name = "no_xclient_to_send", .drop_sending = kXclientPoint, .xclient = Want::optional},
        StopCase{.name = "no_starttls_to_send", .drop_sending = StopPoint::tls, .tls = Want::optional},
        StopCase{.name = "no_second_ehlo_to_send", .drop_sending = StopPoint::helo, .tls = Want::optional},
        StopCase{.name = "no_auth_to_send", .drop_sending = StopPoint::auth, .auth = Want::optional}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Capabilities, AreReadWithTheirParameters) {
  const Capabilities offered({"peer Hello", "Auth plain login", "AUTH=LOGIN X", "XCLIENT", "SIZE 5"});
  EXPECT_TRUE(offered.offers("XCLIENT"));
  EXPECT_FALSE(offered.offers("XCLIEN"));
  EXPECT_FALSE(offered.offers("PEER"));
  EXPECT_EQ(offered.parameters("AUTH"), (std::vector<std::string>{"PLAIN", "LOGIN", "X"}));
  EXPECT_TRUE(offered.parameters("XCLIENT").empty());
  EXPECT_TRUE(Capabilities({"AUTH=PLAIN"}).offers("AUTH"));
  EXPECT_FALSE(Capabilities().offers("AUTH"));
}

}  // namespace
}  // namespace hikyaku::probe
