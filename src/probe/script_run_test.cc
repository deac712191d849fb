#include "probe/script_run.h"

#include <gtest/gtest.h>

#include "probe/scripted_wire.h"

namespace hikyaku::probe {
namespace {

using End = ScriptOutcome::End;
using hikyaku::testing_support::ScriptedWire;

class PlainClient final : public AuthClient {
 public:
  explicit PlainClient(Identity identity) : identity_(std::move(identity)) {}
  std::string_view mechanism() const override { return "PLAIN"; }
  std::optional<std::string> initial() override { return '\0' + identity_.user + '\0' + identity_.password; }
  Result<std::string> answer(std::string_view) override { return std::string(); }

 private:
  Identity identity_;
};

struct Played {
  ScriptOutcome outcome;
  std::string sent, record;
};

Played play(std::string_view text, ScriptedWire& wire, ScriptSettings settings = {}) {
  const auto script = Script::parse(text);
  EXPECT_TRUE(script) << script.error().text;
  settings.secret = [](const SecretPlace& place) -> Result<std::string> {
    if (place.name == "none") return fail(Fault::not_found, "there is no secret");
    return "hush-hush";
  };
  settings.client = [](const std::string& name, const Identity& identity,
                       const TlsReport*) -> Result<std::unique_ptr<AuthClient>> {
    if (name != "PLAIN") return fail(Fault::not_found, "no " + name);
    return std::make_unique<PlainClient>(identity);
  };
  KeepingSink sink;
  Played played;
  played.outcome = run_script(*script, wire, sink, wire.elapsed(), settings);
  played.sent = wire.sent();
  played.record = sink.text();
  return played;
}

struct RunCase {
  const char* name;
  const char* script;
  std::function<void(ScriptedWire&)> server;
  End end;
  const char* last;  ///< "line: what came" of the last finding
};

class ScriptRuns : public testing::TestWithParam<RunCase> {};
TEST_P(ScriptRuns, End) {
  ScriptedWire wire;
  GetParam().server(wire);
  const auto played = play(GetParam().script, wire);
  EXPECT_EQ(played.outcome.end, GetParam().end) << played.record;
  ASSERT_FALSE(played.outcome.findings.empty());
  const auto& last = played.outcome.findings.back();
  EXPECT_EQ(std::to_string(last.line) + ": " + last.got, GetParam().last);
  EXPECT_EQ(last.held, GetParam().end == End::held);
  EXPECT_EQ(played.record.find("hush-hush"), std::string::npos) << played.record;
}

void greets(ScriptedWire& wire) {
  wire.says("220 peer ESMTP\r\n").answers("EHLO", "250-peer\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n");
}

INSTANTIATE_TEST_SUITE_P(
    , ScriptRuns,
    testing::Values(
        RunCase{"as_expected", "S: 220 *\nC: EHLO x\nS* 250-*\nS: 250 AUTH*\n", greets, End::held,
                "4: 250 AUTH PLAIN"},
        RunCase{"something_else_came", "S: 220 *\nC: EHLO x\nS: 250 *", greets, End::failed, "3: 250-peer"},
        RunCase{"no_lines_are_all_lines", "S* x*\nS: 220 *", greets, End::held, "2: 220 peer ESMTP"},
        RunCase{"an_answer_has_a_line", "S: 220*\nC: EHLO x\nS+ 250-STARTTLS\nS+ *AUTH*\nS- *VRFY*", greets,
                End::held, "5: no such line among 3"},
        RunCase{"an_answer_lacks_a_line", "S: 220*\nC: EHLO x\nS+ *SIZE*", greets, End::failed,
                "3: no such line among 3"},
        RunCase{"an_answer_has_what_it_must_not", "S: 220*\nC: EHLO x\nS- *STARTTLS", greets, End::failed,
                "3: 250-STARTTLS"},
        RunCase{"the_rest_of_an_answer", "S: 220*\nC: EHLO x\nS: 250-peer\nS+ *AUTH*\nC: EHLO y\nS: x",
                greets, End::silence, "6: nothing within 30000 ms"},
        RunCase{"a_line_that_ends_all_lines_ends_the_answer_too", "S: 220*\nC: EHLO x\nS* 250-*\nS+ *PLAIN",
                greets, End::held, "4: 250 AUTH PLAIN"},
        RunCase{"a_capture_is_sent", "S~ ^220 (?<who>\\S+)\nC: EHLO ${who}\nS: 250-${who}", greets, End::held,
                "3: 250-peer"},
        RunCase{"a_variable_that_has_no_value", "S: ${who}", greets, End::failed,
                "1: the variable who has no value yet"},
        RunCase{"silence", "@ timeout 200ms\nS: 220*\nS: 250*", greets, End::silence,
                "3: nothing within 200 ms"},
        RunCase{"closed", "S: 220*\nS: x", [](ScriptedWire& wire) { wire.says("220 x\r\n").closes(); },
                End::broken, "2: the server closed the connection"},
        RunCase{"closed_as_expected", "S: 220*\n@ closed",
                [](ScriptedWire& wire) { wire.says("220 x\r\n").closes(); }, End::held,
                "2: the server closed the connection"},
        RunCase{"not_closed", "S: 220*\n@ closed", greets, End::silence, "2: nothing within 30000 ms"},
        RunCase{"quiet_as_expected", "S: 220*\n@ quiet 100ms", greets, End::held, "2: nothing within 100 ms"},
        RunCase{"not_quiet", "@ quiet 100ms", greets, End::failed, "1: 220 peer ESMTP"},
        RunCase{"a_secret_that_is_not_there", "@ secret a env:none\nS: x", greets, End::failed,
                "1: there is no secret"},
        RunCase{
            "a_secret_is_not_shown",
            "@ secret a env:x\n@ set b \\0joe\\0${a}\nS: 220*\nC: AUTH PLAIN ${base64:b}\nS: 535*",
            [](ScriptedWire& wire) {
              wire.says("220 x\r\n").answers("AUTH PLAIN AGpvZQBodXNoLWh1c2g=", "501 what is hush-hush?\r\n");
            },
            End::failed, "5: 501 what is <secret>"},
        RunCase{"a_mechanism_that_is_not_there", "S: 220*\n@ auth FOO joe env:x", greets, End::failed,
                "2: no FOO"},
        RunCase{"let_in", "S: 220*\n@ auth plain joe env:x",
                [](ScriptedWire& wire) {
                  wire.says("220 x\r\n").answers("AUTH PLAIN AGpvZQBodXNoLWh1c2g=", "235 ok\r\n");
                },
                End::held, "2: 235 ok"},
        RunCase{"not_let_in", "S: 220*\n@ auth plain joe env:x",
                [](ScriptedWire& wire) { wire.says("220 x\r\n").answers("AUTH", "535 no\r\n"); }, End::failed,
                "2: 535 no"},
        RunCase{
            "a_server_that_tells_the_password", "S: 220*\n@ auth plain joe env:x",
            [](ScriptedWire& wire) { wire.says("220 x\r\n").answers("AUTH", "535 it is not hush-hush\r\n"); },
            End::failed, "2: 535 it is not <secret>"},
        RunCase{"not_let_in_as_expected", "S: 220*\n@ auth plain joe env:x refused",
                [](ScriptedWire& wire) { wire.says("220 x\r\n").answers("AUTH", "535 no\r\n"); }, End::held,
                "2: 535 no"},
        RunCase{"let_in_against_expectation", "S: 220*\n@ auth plain joe env:x refused",
                [](ScriptedWire& wire) { wire.says("220 x\r\n").answers("AUTH", "235 ok\r\n"); }, End::failed,
                "2: 235 ok"},
        RunCase{"all_lines_end_where_the_server_closes", "S* 220*\n@ closed",
                [](ScriptedWire& wire) { wire.says("220 x\r\n").closes(); }, End::held,
                "2: the server closed the connection"},
        RunCase{"a_line_that_nobody_read_before_auth", "S: 220*\n@ auth plain joe env:x",
                [](ScriptedWire& wire) { wire.says("220 x\r\n250 more\r\n").answers("AUTH", "235 ok\r\n"); },
                End::failed, "2: before it there was still: 250 more"},
        RunCase{"the_rest_of_an_answer_before_auth",
                "S: 220*\nC: EHLO x\nS: 250-peer\n@ auth plain joe env:x",
                [](ScriptedWire& wire) { greets(wire), wire.answers("AUTH", "235 ok\r\n"); }, End::failed,
                "4: before it there was still: 250-STARTTLS"},
        RunCase{"a_command_without_an_answer_before_auth", "S: 220*\nC: NOOP\n@ auth plain joe env:x",
                [](ScriptedWire& wire) { wire.says("220 x\r\n").answers("AUTH", "235 ok\r\n"); }, End::failed,
                "3: before it an answer is to come, which no line expects"},
        RunCase{"a_greeting_that_nobody_read_before_starttls", "@ starttls", greets, End::failed,
                "1: before it an answer is to come, which no line expects"},
        RunCase{"terminal_sequences_are_shown", "S: 220 *x",
                [](ScriptedWire& wire) { wire.says("220 \x1b[2J\r\n"); }, End::failed, "1: 220 \\x1b[2J"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ScriptRun, TellsWhatIsCheckedAndHowLongItTook) {
  ScriptedWire wire;
  greets(wire);
  const auto played = play("# the banner\nS: 220 *\n# the offer\nC: EHLO x\nS+ *PIPELINING\n", wire);
  ASSERT_EQ(played.outcome.findings.size(), 2U);
  EXPECT_EQ(played.outcome.findings[0].about, "the banner");
  EXPECT_EQ(played.outcome.findings[1].about, "the offer");
  EXPECT_EQ(played.outcome.findings[1].expected, "S+ *PIPELINING");
  EXPECT_GT(played.outcome.findings[0].took.count(), 0);
  EXPECT_NE(
      played.record.find("*** line 5 (the offer): expected \"S+ *PIPELINING\", came: no such line among 3"),
      std::string::npos)
      << played.record;
}

TEST(ScriptRun, HandshakesAndVerifies) {
  struct Row {
    bool at_once, verify, trusted, name;
    std::size_t injected;
    End end;
  };
  for (const auto& row :
       {Row{false, false, false, false, 0, End::held}, Row{true, false, false, false, 0, End::held},
        Row{false, true, true, true, 0, End::held}, Row{false, true, false, true, 0, End::failed},
        Row{false, true, true, false, 0, End::failed}, Row{false, false, true, true, 3, End::failed}}) {
    ScriptedWire wire;
    if (!row.at_once) wire.says("220 x\r\n").answers("STARTTLS", "220 go\r\n");
    wire.shakes_hands(TlsReport{.trusted = row.trusted, .name_matches = row.name},
                      row.at_once ? "220 x\r\n" : "", row.injected);
    wire.answers("EHLO", "250 x\r\n");
    ScriptSettings settings;
    settings.tls_at_once = row.at_once;
    settings.verify = row.verify;
    const auto played =
        play(row.at_once ? "S: 220*\nC: EHLO x\nS: 250*" : "S: 220*\n@ starttls\nC: EHLO x\nS: 250*", wire,
             settings);
    EXPECT_EQ(played.outcome.end, row.end) << played.record;
  }
}

TEST(ScriptRun, HasAnEndWhateverTheServerSays) {
  std::string many;
  for (int i = 0; i < 20'000; ++i) many += "250-x\r\n";
  for (const auto* text : {"S* 250-*", "S+ *y*"}) {
    ScriptedWire wire;
    wire.says(many);
    const auto played = play(text, wire);
    EXPECT_EQ(played.outcome.end, End::failed) << text;
    EXPECT_NE(played.outcome.findings.back().got.find("without an end"), std::string::npos);
  }
  ScriptedWire slow;
  for (int i = 0; i < 200; ++i) slow.says("250-x\r\n");
  slow.takes(std::chrono::seconds(1));
  EXPECT_EQ(play("S+ *y*", slow).outcome.end, End::silence);
}

TEST(ScriptRun, DoesNotKeepAllThatAServerSaysToAuth) {
  for (const auto& [count, size] : {std::pair(12'000, 1), std::pair(300, 8000)}) {
    std::string many;
    for (int i = 0; i < count; ++i)
      many += "250-" + std::string(static_cast<std::size_t>(size), 'x') + "\r\n";
    ScriptedWire wire;
    wire.says("220 x\r\n").answers("AUTH", many + "250 x\r\n");
    ScriptSettings settings;
    settings.limit = std::chrono::hours(1);
    const auto played = play("S: 220*\n@ auth plain joe env:x", wire, settings);
    EXPECT_EQ(played.outcome.end, End::failed);
    EXPECT_EQ(played.outcome.findings.back().got, "an answer without an end");
  }
}

TEST(ScriptRun, HasAnEndOfWhatAVariableMayHold) {
  std::string text = "@ set a x\n";
  for (int i = 0; i < 40; ++i) text += "@ set a ${a}${a}\n";
  ScriptedWire wire;
  const auto played = play(text, wire);
  EXPECT_EQ(played.outcome.end, End::failed);
  EXPECT_EQ(played.outcome.findings.back().got, "the text is longer than 1 MiB");
}

TEST(ScriptRun, SendsOctetsAsTheyAre) {
  ScriptedWire wire;
  wire.answers("a\nb\0", "x\r\n");
  play("C| a\\nb\\0", wire);
  EXPECT_EQ(wire.sent(), std::string("a\nb\0", 4));
}

}  // namespace
}  // namespace hikyaku::probe
