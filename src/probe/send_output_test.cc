#include "probe/send_output.h"

#include <gtest/gtest.h>

namespace hikyaku::probe {
namespace {

using Kind = Entry::Kind;
using namespace std::chrono_literals;

/// A conversation with one refusal, as the options show it; stderr's lines have '!' before them.
std::string shown_with(const std::vector<std::string>& words) {
  SendArguments arguments;
  EXPECT_TRUE(arguments.add_words(words, false));
  const auto style = output_style_of(arguments);
  if (!style) return "refused: " + style.error().text;
  std::string out;
  SendOutput output(
      *style, [&](std::string_view line) { out += line; },
      [&](std::string_view line) { out += '!' + std::string(line); });
  output.put({.kind = Kind::note, .text = "Connected.", .at = 1ms});
  output.put({.kind = Kind::received, .text = "220 hi", .at = 1500ms});
  output.put({.kind = Kind::sent,
              .text = "AUTH PLAIN AHUAcA==",
              .at = 2s,
              .secret_from = 11,
              .has_decoded = true,
              .decoded = "x u p",
              .decoded_secret_from = 4});
  output.put({.kind = Kind::received, .text = "535-no", .tls = true, .unexpected = true, .at = 2250ms});
  output.put({.kind = Kind::received, .text = "535 \x1b", .unexpected = true, .at = 2250ms});
  output.put({.kind = Kind::failure, .text = "failed", .at = 3s});
  return out;
}

struct StyleCase {
  const char* name;
  std::vector<std::string> words;
  const char* want;
};

class SendOutputs : public testing::TestWithParam<StyleCase> {};
TEST_P(SendOutputs, AreShown) { EXPECT_EQ(shown_with(GetParam().words), GetParam().want); }

INSTANTIATE_TEST_SUITE_P(
    , SendOutputs,
    testing::Values(
        StyleCase{"all",
                  {},
                  "=== Connected.\n<-  220 hi\n -> AUTH PLAIN <secret>   ← \"x u <secret>\"\n<~* 535-no\n<** "
                  "535 \\x1b\n!*** failed\n"},
        StyleCase{"secrets",
                  {"--show-secrets", "-hr", "-hi"},
                  " -> AUTH PLAIN AHUAcA==   ← \"x u p\"\n!*** failed\n"},
        StyleCase{"another_word_for_a_secret",
                  {"-ahp", "XX", "-hr", "-hi"},
                  " -> AUTH PLAIN XX   ← \"x u XX\"\n!*** failed\n"},
        StyleCase{
            "without_hints", {"-nth", "-nih", "-hs"}, "Connected.\n220 hi\n535-no\n535 \\x1b\n!*** failed\n"},
        StyleCase{"nothing", {"-ha"}, ""},
        StyleCase{"silent_until_an_error", {"-S"}, "<~* 535-no\n<** 535 \\x1b\n!*** failed\n"},
        StyleCase{"silent_but_for_errors", {"-S", "2"}, "<~* 535-no\n<** 535 \\x1b\n!*** failed\n"},
        StyleCase{"silent", {"-S", "3"}, ""},
        StyleCase{"silent_takes_three_levels", {"-S", "4"}, "refused: --silent is 1, 2 or 3, and not 4"},
        StyleCase{"the_time_of_each_reply",
                  {"-stl", "-hs"},
                  "=== Connected.\n=== response in 1.499s\n<-  220 hi\n=== response in 0.250s\n<~* "
                  "535-no\n<** 535 \\x1b\n!*** failed\n"},
        StyleCase{"in_seconds",
                  {"-stl", "i", "-hs", "-nih"},
                  "Connected.\nresponse in 1s\n<-  220 hi\nresponse in 0s\n<~* 535-no\n<** 535 \\x1b\n!*** "
                  "failed\n"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::probe
