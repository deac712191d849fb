#include "probe/authenticate.h"

#include <gtest/gtest.h>

#include <array>

#include "base/base64.h"
#include "probe/scripted_wire.h"

namespace hikyaku::probe {
namespace {

using namespace std::chrono_literals;
using hikyaku::testing_support::ScriptedWire;

/// Answers "1", "2", … to challenges; the one "bad" it can't take, "proof" is the server's proof.
class CountingClient final : public AuthClient {
 public:
  CountingClient(std::optional<std::string> initial, bool wants_proof)
      : initial_(std::move(initial)), wants_proof_(wants_proof) {}
  std::string_view mechanism() const override { return "COUNT"; }
  bool wants_proof() const override { return wants_proof_; }
  std::optional<std::string> initial() override { return initial_; }
  Result<std::string> answer(std::string_view challenge) override {
    if (challenge == "bad") return fail(Fault::malformed, "that is bad");
    if (challenge == "proof") wants_proof_ = false;
    return std::to_string(++answers_);
  }

 private:
  std::optional<std::string> initial_;
  bool wants_proof_;
  int answers_ = 0;
};

struct AuthCase {
  const char* name;
  Speech speech;
  std::optional<std::string> initial;
  bool wants_proof;
  std::vector<std::string> capabilities;
  std::vector<std::pair<std::string, std::string>> script;  ///< what is sent, and the answer
  std::string outcome;  ///< "accepted", "refused", "given up", and the text
};

class Authentications : public testing::TestWithParam<AuthCase> {};

std::string text(const AuthOutcome& outcome) {
  static constexpr std::array<std::string_view, 3> kEnds{"accepted: ", "refused: ", "given up: "};
  return std::string(kEnds[static_cast<std::size_t>(outcome.end)]) + outcome.text;
}

TEST_P(Authentications, are_run) {
  ScriptedWire wire;
  wire.says(GetParam().speech == Speech::imap    ? "* OK a\r\n"
            : GetParam().speech == Speech::pop3  ? "+OK a\r\n"
            : GetParam().speech == Speech::sieve ? "OK\r\n"
                                                 : "220 a\r\n");
  std::string expected;
  for (const auto& [sent, answer] : GetParam().script) {
    wire.answers(sent + "\r\n", answer + "\r\n");
    expected += sent + "\r\n";
  }
  KeepingSink sink;
  Conversation conversation(wire, sink, GetParam().speech, wire.elapsed(), 10s);
  ASSERT_TRUE(conversation.answer());
  CountingClient client(GetParam().initial, GetParam().wants_proof);
  Opening opening;
  opening.capabilities = GetParam().capabilities;
  const auto outcome = authenticate(conversation, GetParam().speech, client, opening);
  EXPECT_EQ(outcome ? text(*outcome) : "broken: " + outcome.error().text, GetParam().outcome);
  EXPECT_EQ(wire.sent(), expected) << sink.text();
}

std::string coded(std::string_view octets) { return base64_encode(octets); }

const std::array kAuthCases{
    AuthCase{"smtp_at_once",
             Speech::smtp,
             "first",
             false,
             {},
             {{"AUTH COUNT " + coded("first"), "235 ok"}},
             "accepted: 235 ok"},
    AuthCase{"smtp_with_nothing_to_say",
             Speech::smtp,
             "",
             false,
             {},
             {{"AUTH COUNT =", "235 ok"}},
             "accepted: 235 ok"},
    AuthCase{"smtp_with_challenges",
             Speech::smtp,
             std::nullopt,
             false,
             {},
             {{"AUTH COUNT", "334 " + coded("a")}, {coded("1"), "334 "}, {coded("2"), "535 no"}},
             "refused: 535 no"},
    AuthCase{"smtp_with_a_challenge_that_is_no_base64",
             Speech::smtp,
             std::nullopt,
             false,
             {},
             {{"AUTH COUNT", "334 ~"}, {"*", "501 ok"}},
             "given up: the challenge is no base64: \"~\""},
    AuthCase{"smtp_with_a_challenge_that_is_bad",
             Speech::smtp,
             std::nullopt,
             false,
             {},
             {{"AUTH COUNT", "334 " + coded("bad")}, {"*", "501 ok"}},
             "given up: that is bad"},
    AuthCase{"smtp_without_the_proof",
             Speech::smtp,
             "first",
             true,
             {},
             {{"AUTH COUNT " + coded("first"), "235 ok"}},
             "given up: the server says yes without the proof that it knows the password"},
    AuthCase{"smtp_with_the_proof",
             Speech::smtp,
             "first",
             true,
             {},
             {{"AUTH COUNT " + coded("first"), "334 " + coded("proof")}, {coded("1"), "235 ok"}},
             "accepted: 235 ok"},
    AuthCase{"imap_at_once",
             Speech::imap,
             "first",
             false,
             {"SASL-IR"},
             {{"hk1 AUTHENTICATE COUNT " + coded("first"), "hk1 OK in"}},
             "accepted: hk1 OK in"},
    AuthCase{"imap_without_initial_response",
             Speech::imap,
             "first",
             false,
             {},
             {{"hk1 AUTHENTICATE COUNT", "+ "}, {coded("first"), "hk1 NO out"}},
             "refused: hk1 NO out"},
    AuthCase{"pop3_at_once",
             Speech::pop3,
             "first",
             false,
             {},
             {{"AUTH COUNT " + coded("first"), "+OK in"}},
             "accepted: +OK in"},
    AuthCase{"pop3_with_a_challenge",
             Speech::pop3,
             std::nullopt,
             false,
             {},
             {{"AUTH COUNT", "+ " + coded("a")}, {coded("1"), "-ERR out"}},
             "refused: -ERR out"},
    AuthCase{"sieve_at_once",
             Speech::sieve,
             "first",
             false,
             {},
             {{"AUTHENTICATE \"COUNT\" \"" + coded("first") + '"', "OK"}},
             "accepted: OK"},
    AuthCase{"sieve_with_the_proof_at_the_end",
             Speech::sieve,
             "first",
             true,
             {},
             {{"AUTHENTICATE \"COUNT\" \"" + coded("first") + '"', "\"" + coded("a") + "\""},
              {"\"" + coded("1") + "\"", "OK (SASL \"" + coded("proof") + "\") \"in\""}},
             "accepted: OK (SASL \"" + coded("proof") + "\") \"in\""},
    AuthCase{"sieve_with_a_literal",
             Speech::sieve,
             std::nullopt,
             false,
             {},
             {{"AUTHENTICATE \"COUNT\"", "{4}\r\n" + coded("a")}, {"\"" + coded("1") + "\"", "NO \"out\""}},
             "refused: NO \"out\""},
};
INSTANTIATE_TEST_SUITE_P(, Authentications, testing::ValuesIn(kAuthCases),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Authenticate, gives_up_challenges_without_end) {
  ScriptedWire wire;
  wire.answers("AUTH", "334 \r\n");
  for (int i = 1; i <= 20; ++i) wire.answers(coded(std::to_string(i)), "334 \r\n");
  wire.answers("*", "501 ok\r\n");
  KeepingSink sink;
  Conversation conversation(wire, sink, Speech::smtp, wire.elapsed(), 10s);
  CountingClient client(std::nullopt, false);
  const auto outcome = authenticate(conversation, Speech::smtp, client, {});
  ASSERT_TRUE(outcome.has_value()) << outcome.error().text;
  EXPECT_EQ(text(*outcome), "given up: the server makes challenges without end");
}

TEST(Authenticate, knows_tokens) {
  const Identity joe{.user = "joe", .password = "t0ken"};
  EXPECT_EQ(make_token_client("XOAUTH2", joe, "h", 25)->initial(),
            "user=joe\x01"
            "auth=Bearer t0ken\x01\x01");
  EXPECT_EQ(make_token_client("OAUTHBEARER", {.user = "a,b=c", .password = "t"}, "h", 25)->initial(),
            "n,a=a=2Cb=3Dc,\x01host=h\x01port=25\x01"
            "auth=Bearer t\x01\x01");
  EXPECT_EQ(make_token_client("OAUTHBEARER", joe, "h", 25)->answer("{}").value(), "\x01");
  EXPECT_EQ(make_token_client("XOAUTH2", joe, "h", 25)->answer("{}").value(), "");
  EXPECT_EQ(make_token_client("EXTERNAL", {.authorize_as = "joe"}, "h", 25)->initial(), "joe");
  EXPECT_EQ(make_token_client("PLAIN", joe, "h", 25), nullptr);
}

TEST(LogIn, quotes_what_imap_would_misread) {
  ScriptedWire wire;
  wire.answers("hk1 LOGIN \"a\\\"b\" \"c\\\\d\"\r\n", "hk1 OK in\r\n");
  KeepingSink sink;
  Conversation conversation(wire, sink, Speech::imap, wire.elapsed(), 10s);
  EXPECT_EQ(text(log_in(conversation, Speech::imap, {.user = "a\"b", .password = "c\\d"}).value()),
            "accepted: hk1 OK in");
  EXPECT_FALSE(sink.text().contains("c\\"));
}

TEST(LogIn, sends_no_line_end_within_a_name) {
  ScriptedWire wire;
  KeepingSink sink;
  Conversation conversation(wire, sink, Speech::pop3, wire.elapsed(), 10s);
  EXPECT_EQ(log_in(conversation, Speech::pop3, {.user = "a\r\nDELE 1", .password = "x"}).value().end,
            AuthOutcome::End::given_up);
  EXPECT_EQ(wire.sent(), "");
}

}  // namespace
}  // namespace hikyaku::probe
