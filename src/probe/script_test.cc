#include "probe/script.h"

#include <gtest/gtest.h>

namespace hikyaku::probe {
namespace {

using namespace std::string_literals;

struct LineCase {
  const char* name;
  std::string text;
  std::string want;  ///< "kind line about"; or "!" and a part of the error
};

std::string told(const Script& script) {
  static constexpr std::array kNames{"send", "octets", "expect", "all",    "has",     "lacks",  "starttls",
                                     "tls",  "auth",   "set",    "secret", "timeout", "closed", "quiet"};
  std::string out;
  for (const auto& step : script.steps()) {
    out += std::string(kNames.at(static_cast<std::size_t>(step.kind))) + ' ' + std::to_string(step.line);
    for (const auto& piece : step.text.pieces)
      out += piece.variable ? std::string(piece.base64 ? " b{" : " {") + piece.text + '}'
                            : " [" + piece.text + ']';
    if (!step.pattern.written().empty()) out += " (" + step.pattern.written() + ')';
    if (!step.name.empty()) out += " =" + step.name;
    if (!step.secret.name.empty())
      out += (step.secret.kind == SecretPlace::Kind::file ? " file " : " env ") + step.secret.name;
    if (step.time.count() > 0) out += ' ' + std::to_string(step.time.count()) + "ms";
    if (step.refused) out += " refused";
    if (!step.about.empty()) out += " #" + step.about;
    out += '\n';
  }
  return out;
}

class Scripts : public testing::TestWithParam<LineCase> {};
TEST_P(Scripts, AreRead) {
  const auto script = Script::parse(GetParam().text);
  if (GetParam().want.starts_with('!')) {
    ASSERT_FALSE(script) << told(*script);
    EXPECT_NE(script.error().text.find(GetParam().want.substr(1)), std::string::npos) << script.error().text;
  } else {
    ASSERT_TRUE(script) << script.error().text;
    EXPECT_EQ(told(*script), GetParam().want);
  }
}

INSTANTIATE_TEST_SUITE_P(
    , Scripts,
    testing::Values(
        LineCase{"nothing", "", ""},
        LineCase{"both_sides", "C: EHLO x\nS: 250 *\n", "send 1 [EHLO x]\nexpect 2 (250 *)\n"},
        LineCase{"comments_tell_what_is_checked", "# one\n#  two\n\nS: a\nS: b\r\n# three\nC: c",
                 "expect 4 (a) #one two\nexpect 5 (b) #one two\nsend 7 [c] #three\n"},
        LineCase{"octets_and_escapes", "C| a\\r\\n\\0\\x41\\\\\\$\\t", "octets 1 [a\r\n\0A\\$\t]\n"s},
        LineCase{"an_empty_line_is_sent", "C:\nC: ", "send 1\nsend 2\n"},
        LineCase{"variables", "C: a${b}c${base64:d_1}", "send 1 [a] {b} [c] b{d_1}\n"},
        LineCase{"a_regex", "S~ ^250 (?<id>[0-9]+)$", "expect 1 (^250 (?<id>[0-9]+)$)\n"},
        LineCase{"of_answers", "S* 250-*\nS+ *STARTTLS\nS- *VRFY",
                 "all 1 (250-*)\nhas 2 (*STARTTLS)\nlacks 3 (*VRFY)\n"},
        LineCase{"directives", "@ starttls\n@ tls\n@ closed\n@ timeout 5s\n@ quiet 10ms\n@ timeout 1m",
                 "starttls 1\ntls 2\nclosed 3\ntimeout 4 5000ms\nquiet 5 10ms\ntimeout 6 60000ms\n"},
        LineCase{"values", "@ set a \\0x${b}\n@ secret c file:/p w\n@ secret d env:PW\n@ set e",
                 "set 1 [\0x] {b} =a\nsecret 2 =c file /p w\nsecret 3 =d env PW\nset 4 =e\n"s},
        LineCase{"authentication", "@ auth plain joe file:pw\n@ auth LOGIN ${u} env:X refused",
                 "auth 1 [joe] =PLAIN file pw\nauth 2 {u} =LOGIN env X refused\n"},
        LineCase{"an_unknown_mark", "S: a\nX: b", "!line 2: a line begins with"},
        LineCase{"an_unknown_directive", "@ advance 3s", "!line 1: there is no '@ advance'"},
        LineCase{"no_directive", "@", "!there is no '@ '"},
        LineCase{"a_bad_escape", "C: \\q", "!a backslash needs"},
        LineCase{"a_bad_hexadecimal_escape", "C: \\x4", "!a backslash needs"},
        LineCase{"a_variable_without_an_end", "C: ${a", "!lacks its '}'"},
        LineCase{"a_variable_without_a_name", "S: ${}", "!no name of a variable"},
        LineCase{"a_bad_regex", "S~ (", "!missing closing parenthesis"},
        LineCase{"a_bad_time", "@ timeout 5", "!'5' is no time"},
        LineCase{"no_time_at_all", "@ quiet 0ms", "!is no time"},
        LineCase{"a_secret_in_the_script", "@ secret a b", "!names no secret"},
        LineCase{"a_bad_name", "@ set 1a b", "!no name of a variable"},
        LineCase{"a_name_with_a_function", "@ set base64:a b", "!no name of a variable"},
        LineCase{"auth_lacks_its_secret", "@ auth PLAIN joe", "!@ auth needs"},
        LineCase{"auth_has_too_much", "@ auth PLAIN joe file:x accepted", "!@ auth needs"},
        LineCase{"tls_takes_nothing", "@ tls 1.2", "!takes nothing"},
        LineCase{"too_long", std::string((1U << 20) + 1, '#'), "!1 MiB"},
        LineCase{"too_many_steps",
                 [] {
                   std::string text;
                   for (int i = 0; i < 10'001; ++i) text += "S:\n";
                   return text;
                 }(),
                 "!10000 steps"}),
    [](const auto& row) { return std::string(row.param.name); });

struct MatchCase {
  const char* name;
  const char* pattern;
  ScriptPattern::Kind kind;
  std::string line;
  bool want;
};

class ScriptPatterns : public testing::TestWithParam<MatchCase> {};
TEST_P(ScriptPatterns, Match) {
  const auto pattern = ScriptPattern::parse(GetParam().pattern, GetParam().kind);
  ASSERT_TRUE(pattern);
  ScriptValues captured;
  const auto matched = pattern->matches(GetParam().line, {{"v", {"a*b.", false}}}, captured);
  ASSERT_TRUE(matched) << matched.error().text;
  EXPECT_EQ(*matched, GetParam().want);
}

constexpr auto kWild = ScriptPattern::Kind::wildcard, kRegex = ScriptPattern::Kind::regex;
INSTANTIATE_TEST_SUITE_P(
    , ScriptPatterns,
    testing::Values(MatchCase{"the_text_itself", "250 ok.", kWild, "250 ok.", true},
                    MatchCase{"no_character_is_special", "250 ok.", kWild, "250 oke", false},
                    MatchCase{"all_of_the_line", "250", kWild, "250 ok", false},
                    MatchCase{"a_star_is_any_text", "250*ok*", kWild, "250 is ok", true},
                    MatchCase{"a_star_is_no_text_too", "a*", kWild, "a", true},
                    MatchCase{"a_star_itself", "a\\*\\\\", kWild, "a*\\", true},
                    MatchCase{"a_star_itself_is_no_text", "a\\*", kWild, "ab", false},
                    MatchCase{"case_differs", "OK", kWild, "ok", false},
                    MatchCase{"nul", "*", kWild, "a\0\n"s, true},
                    MatchCase{"a_variable_is_its_text", "<${v}>", kWild, "<a*b.>", true},
                    MatchCase{"a_variable_is_no_pattern", "<${v}>", kWild, "<axb.>", false},
                    MatchCase{"a_variable_in_base64", "${base64:v}", kWild, "YSpiLg==", true},
                    MatchCase{"a_regex_is_found_anywhere", "o.$", kRegex, "250 ok", true},
                    MatchCase{"a_regex_is_not_found", "^o", kRegex, "250 ok", false},
                    MatchCase{"a_variable_is_text_in_a_regex", "^${v}$", kRegex, "aab.", false}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ScriptPattern, CapturesByName) {
  const auto pattern = ScriptPattern::parse("queued as (?<id>\\w+)(?: by (?<who>.*))?", kRegex);
  ASSERT_TRUE(pattern);
  ScriptValues captured;
  ASSERT_TRUE(pattern->matches("250 queued as A1", {}, captured).value());
  EXPECT_EQ(captured.size(), 1U);
  EXPECT_EQ(captured["id"].text, "A1");
}

TEST(ScriptPattern, DoesNotWorkForEver) {
  const auto pattern = ScriptPattern::parse("^(a+)+$", kRegex);
  ASSERT_TRUE(pattern);
  ScriptValues captured;
  const auto matched = pattern->matches(std::string(8000, 'a') + 'b', {}, captured);
  ASSERT_FALSE(matched);
  EXPECT_EQ(matched.error().fault, Fault::permanent);
}

TEST(ScriptText, KnowsWhereASecretBegins) {
  const auto text = ScriptText::parse("AUTH ${base64:a} ${b}", true);
  ASSERT_TRUE(text);
  std::size_t secret_from = 0;
  EXPECT_EQ(text->filled({{"a", {"x", false}}, {"b", {"y", true}}}, secret_from).value(), "AUTH eA== y");
  EXPECT_EQ(secret_from, 10U);
  EXPECT_EQ(text->filled({{"a", {"x", false}}, {"b", {"y", false}}}, secret_from).value(), "AUTH eA== y");
  EXPECT_EQ(secret_from, std::string::npos);
  EXPECT_EQ(text->filled({}, secret_from).error().fault, Fault::not_found);
}

}  // namespace
}  // namespace hikyaku::probe
