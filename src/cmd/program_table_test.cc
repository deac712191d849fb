#include "cmd/program_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/command_description.h"
#include "cmd/command_line.h"
#include "cmd/manual_page.h"
#include "cmd/shell_completion.h"

namespace hikyaku::cmd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kNkfHelp = "usage: hikyaku letter nkf [-jsw] [FILE]\n\n  -j -s   to JIS, to SJIS\n";

/// A command with options of all kinds; `nkf`, a subcommand of it that reads its options itself; and `send`,
/// which its CommandLine does not know.
int letter(int argc, char** argv) {
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (first == "nkf" || first == "send") {
    std::fputs(first == "nkf" ? kNkfHelp : "usage: hikyaku letter send -to NAME\n\n  -to NAME\n", stdout);
    return 0;
  }
  CommandLine app("hikyaku letter", "Writes letters.\nTwo lines of it.");
  std::string text, paper = "plain";
  int copies = 1;
  bool fast = false;
  app.flag("-f,--fast", fast, "at [once]: now");
  app.option("--paper", &paper, "of what kind", {.one_of = {"plain", "lined"}});
  app.footer("Example:\n  hikyaku letter write 'a\\b'");
  auto& write = app.subcommand("write", "put it on paper");
  write.option("text,--text", &text, "what it says");
  write.option("-n", &copies, "how often");
  app.subcommand("nkf", "as nkf would");
  if (const auto end = app.parse(argc, argv)) return *end;
  return 0;
}

int broken(int, char**) { return 70; }
int silent(int, char**) { return 0; }

constexpr Command kLetter{"letter", letter, "write letters", 8, "send"};

TEST(Describe, LearnsOptionsOfACommandItsSubcommandsAndItsParts) {
  const auto told = describe(kLetter, "hikyaku ");
  ASSERT_TRUE(told) << told.error().text;
  EXPECT_EQ(told->name, "hikyaku letter");
  EXPECT_EQ(told->summary, "write letters");
  ASSERT_EQ(told->subcommands.size(), 3U);
  const auto& paper = told->options.at(2);
  EXPECT_THAT(paper.names, ElementsAre("--paper"));
  EXPECT_THAT(paper.one_of, ElementsAre("plain", "lined"));
  EXPECT_EQ(paper.preset, "plain");
  const auto& write = told->subcommands.at(0);
  EXPECT_EQ(write.footer, "");  // not its own
  ASSERT_EQ(write.options.size(), 4U);
  EXPECT_TRUE(write.options.at(1).positional);
  EXPECT_THAT(write.options.at(2).names, ElementsAre("--text"));
  EXPECT_EQ(write.options.at(3).value, OptionDescription::Value::number);
  EXPECT_EQ(told->subcommands.at(1).help, kNkfHelp);
  EXPECT_EQ(told->subcommands.at(2).name, "send");
}

TEST(Describe, FailsOnACommandThatDoesNotAnswer) {
  for (const auto run : {broken, silent}) {
    const auto told = describe({"mute", run, "", 1, {}}, "");
    ASSERT_FALSE(told);
    EXPECT_THAT(told.error().text, HasSubstr("mute"));
  }
}

TEST(Describe, ComesBackFromJsonAsItWas) {
  const auto told = describe(kLetter, "");
  ASSERT_TRUE(told);
  const auto json = to_json(*told);
  const auto back = from_json(json);
  ASSERT_TRUE(back);
  EXPECT_EQ(to_json(*back), json);
  EXPECT_FALSE(from_json("{\"name\": 1}"));
  EXPECT_FALSE(from_json("{"));
}

struct OptionsInCase {
  const char* name;
  std::string_view help;
  std::vector<std::string> options;
};
void PrintTo(const OptionsInCase& row, std::ostream* out) { *out << row.name; }
class OptionsIn : public testing::TestWithParam<OptionsInCase> {};

TEST_P(OptionsIn, AreThoseThatExist) {
  EXPECT_THAT(options_in(GetParam().help), testing::ElementsAreArray(GetParam().options));
}

INSTANTIATE_TEST_SUITE_P(
    , OptionsIn,
    testing::Values(
        OptionsInCase{"words_that_begin_with_a_dash",
                      "  -i, -oi  x\n  --server A (-M) a-b - -- 1-2 -i\n-x",
                      {"-i", "-oi", "--server", "-M", "-x"}},
        OptionsInCase{"of_several_in_one_word_those_with_two_dashes",
                      "--after A|--before|-last [--x] [-strict]",
                      {"--after", "--before", "--x"}},
        OptionsInCase{"letters_in_brackets_are_none", "-w16[BL] -f[N[-M]] -m[BQ]", {"-w16", "-f", "-m"}},
        OptionsInCase{"the_usage_shows_sets_of_letters",
                      "usage: nkf [-jsw] -x [--no]\n       nkf -y\n\n  -j  to JIS\n",
                      {"-j"}},
        OptionsInCase{"usage_alone", "usage: nkf -to NAME\n", {}},
        OptionsInCase{"examples_show_them_joined",
                      "  -j  to JIS\nExamples:\n  nkf -jMB\n\nExit codes: -q\n",
                      {"-j", "-q"}},
        OptionsInCase{
            "a_name_in_capitals_stands_for_another", "-qRDOMAIN, -qIID; --no-NAME; -MB -N", {"-MB", "-N"}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Roff, ShowsEveryCharacterAsItIs) {
  EXPECT_EQ(roff(".a\n'b \\n -c \"d\" `e^~"), "\\&.a\n\\(aqb \\en \\-c \\(dqd\\(dq \\(gae\\(ha\\(ti");
}

TEST(ManualPage, HasAllThatHelpTells) {
  const auto page = manual_page(describe(kLetter, "hikyaku ").value(), kLetter.section, "1.0");
  EXPECT_THAT(page, HasSubstr(".TH \"HIKYAKU\\-LETTER\" 8 \"\" \"hikyaku 1.0\""));
  EXPECT_THAT(page, HasSubstr("hikyaku\\-letter \\- write letters\n"));
  EXPECT_THAT(page, HasSubstr("\\fB\\-f\\fR, \\fB\\-\\-fast\\fR\nat [once]: now\n"));
  EXPECT_THAT(page, HasSubstr("of what kind (one of plain, lined) (default: plain)\n"));
  EXPECT_THAT(page, HasSubstr(".SS letter write\n"));
  EXPECT_THAT(page, HasSubstr("\\fBhikyaku letter write\\fR [\\fIoption\\fR]... [\\fItext\\fR]\n"));
  EXPECT_THAT(page, HasSubstr(".SS letter nkf\n"));
  EXPECT_THAT(page, HasSubstr(".EX\n  \\-j \\-s   to JIS, to SJIS\n.EE\n"));
  EXPECT_THAT(page, HasSubstr(".SS letter send\n"));
  EXPECT_THAT(page, HasSubstr("Example:\n.PP\n.EX\n  hikyaku letter write \\(aqa\\eb\\(aq\n.EE\n"));
}

TEST(Completion, OffersSubcommandsOptionsAndValues) {
  const std::vector commands{describe(kLetter, "").value()};
  const auto bash = bash_completion(commands);
  EXPECT_THAT(bash, HasSubstr("subcommands='write nkf send'"));
  EXPECT_THAT(bash, HasSubstr("--paper) values='plain lined' ;;"));
  EXPECT_THAT(bash, HasSubstr("options='-h --help --text -n -f --fast --paper'"));  // also those of letter
  EXPECT_THAT(bash, HasSubstr("-n) values='' ;;"));
  EXPECT_THAT(bash, HasSubstr("options='-j -s'"));
  EXPECT_THAT(bash, HasSubstr("options='-to'"));
  const auto zsh = zsh_completion(commands);
  EXPECT_THAT(zsh, HasSubstr("'(-f --fast)--fast[at \\[once\\]\\: now]'"));
  EXPECT_THAT(zsh, HasSubstr("'(--paper)--paper=[of what kind]:value:(plain lined)'"));
  EXPECT_THAT(zsh, HasSubstr("send) _hikyaku_letter_send ;;"));
}

}  // namespace
}  // namespace hikyaku::cmd
