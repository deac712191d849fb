#include "probe/send_arguments.h"

#include <gtest/gtest.h>

namespace hikyaku::probe {
namespace {

std::string told(const SendArguments& arguments) {
  std::string out;
  for (const auto& given : arguments.all())
    out += std::string(given.option->name()) + (given.value ? "=" + *given.value : "") + ' ';
  return out;
}

struct WordsCase {
  const char* name;
  std::vector<std::string> words;
  std::string want;  ///< "!": refused with this behind it
  bool target = false;
};

class SendWords : public testing::TestWithParam<WordsCase> {};
TEST_P(SendWords, AreRead) {
  const auto& row = GetParam();
  SendArguments arguments;
  const auto added = arguments.add_words(row.words, row.target);
  if (row.want.starts_with('!')) {
    ASSERT_FALSE(added.has_value()) << told(arguments);
    EXPECT_NE(added.error().text.find(row.want.substr(1)), std::string::npos) << added.error().text;
  } else {
    ASSERT_TRUE(added.has_value()) << added.error().text;
    EXPECT_EQ(told(arguments), row.want);
  }
}

INSTANTIATE_TEST_SUITE_P(
    , SendWords,
    testing::Values(
        WordsCase{"long_and_short_names",
                  {"--to", "a@b", "-f", "c@d", "-tls", "--n"},
                  "to=a@b from=c@d tls suppress-data "},
        WordsCase{"one_dash_or_two", {"-server", "x", "--s", "y"}, "server=x server=y "},
        WordsCase{"a_value_behind_an_equals_sign", {"--ehlo=-x", "--data=a=b"}, "helo=-x data=a=b "},
        WordsCase{"a_dash_alone_is_a_value", {"--data", "-"}, "data=- "},
        WordsCase{"a_word_with_a_dash_is_an_option", {"--ehlo", "-q", "EHLO"}, "helo quit-after=EHLO "},
        WordsCase{"a_value_that_may_be_there",
                  {"-a", "LOGIN", "-stl", "-ao", "--silent", "2"},
                  "auth=LOGIN show-time-lapse auth-optional silent=2 "},
        WordsCase{"an_empty_value_is_none_where_one_is_asked_for", {"--from", ""}, "from "},
        WordsCase{
            "a_beginning_that_one_option_has", {"--quit-a", "MAIL", "--pipel"}, "quit-after=MAIL pipeline "},
        WordsCase{"a_beginning_that_many_have", {"--tls-o"}, "!no option --tls-o"},
        WordsCase{"names_have_their_case", {"--To", "x"}, "!no option --To"},
        WordsCase{"an_unknown_option", {"--foo\x1b"}, "!no option --foo\\x1b"},
        WordsCase{"a_header_by_its_name",
                  {"--h-Subject", "x", "--header-X-Y:", "z", "--header", "A: b"},
                  "header=Subject: x header=X-Y: z header=A: b "},
        WordsCase{"no_forgets", {"--to", "a", "--from", "b", "--no-to", "--no-h-X"}, "from=b "},
        WordsCase{"an_option_may_begin_with_no",
                  {"--no-data-fixup", "--no-no-data-fixup", "-nsf"},
                  "no-strip-from "},
        WordsCase{"a_word_too_many", {"--tls", "x"}, "!'x' is no option"},
        WordsCase{"the_target_first", {"mx.test:25", "--tls"}, "server=mx.test:25 tls ", true},
        WordsCase{"one_target", {"a", "b"}, "!'b' is no option", true},
        WordsCase{"a_flag_takes_no_value", {"--tls=1"}, "!takes no value"},
        WordsCase{"a_value_is_missing", {"--quit-after"}, "!needs a value"},
        WordsCase{"what_can_not_be_done_is_told", {"--auth-extra", "realm=x"}, "!DIGEST-MD5 and NTLM"},
        WordsCase{"a_dump_is_not_made", {"--dump"}, "!--dump-mail shows the message"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(SendArguments, VariablesAndFiles) {
  SendArguments arguments;
  ASSERT_TRUE(arguments.add_variable("auth_user", "joe"));
  ASSERT_TRUE(arguments.add_variable("tls", ""));
  ASSERT_TRUE(arguments.add_variable("h_From", "x"));
  EXPECT_EQ(told(arguments), "auth-user=joe tls header=From: x ");
  SendArguments of_file;
  const auto added = of_file.add_file("# comment\n--from a b\r\nh-From: \"x\" <y>\n-n\n\napt\nbody \n");
  ASSERT_TRUE(added) << added.error().text;
  EXPECT_EQ(told(of_file), "from=a b header=From: \"x\" <y> suppress-data auth-plaintext body ");
  EXPECT_FALSE(arguments.add_variable("nothing", "x"));
  EXPECT_EQ(of_file.add_file("\nfoo x\n").error().text, "line 2: there is no option --foo");
  EXPECT_FALSE(of_file.add_file("tls yes"));
  EXPECT_FALSE(of_file.add_file(std::string((1U << 20) + 1, '#')));
}

TEST(SendArguments, EachNameStandsForOneOption) {
  std::vector<std::string> names;
  for (const auto& option : send_options()) {
    std::string rest(option.names);
    for (std::size_t at = 0; at < rest.size();) {
      const auto end = std::min(rest.find(' ', at), rest.size());
      names.push_back(rest.substr(at, end - at));
      at = end + 1;
    }
  }
  std::ranges::sort(names);
  EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
}

}  // namespace
}  // namespace hikyaku::probe
