#include "mail/parameters.h"

#include <gtest/gtest.h>

#include "mail/parameters_xtext.h"

namespace hikyaku::mail {
namespace {

struct ParametersCase {
  const char* name;
  std::string_view text;
  std::string_view want;  // how it prints; or "unknown X", "malformed X"
};
void PrintTo(const ParametersCase& row, std::ostream* out) { *out << row.name; }

template <class Parameters>
std::string reading(std::string_view text) {
  const auto parameters = Parameters::parse(text);
  std::string out;
  if (parameters) {
    parameters->append_to(out);
    // What prints parses back to the same.
    EXPECT_EQ(Parameters::parse(out), parameters);
    return out;
  }
  out = parameters.error().kind == ParameterFault::Kind::unknown ? "unknown " : "malformed ";
  return out + parameters.error().keyword;
}

class MailParametersParse : public testing::TestWithParam<ParametersCase> {};
TEST_P(MailParametersParse, Case) { EXPECT_EQ(reading<MailParameters>(GetParam().text), GetParam().want); }

const std::string kEnvid100 = "ENVID=" + std::string(100, 'e');
const std::string kEnvid101 = "ENVID=" + std::string(101, 'e');
INSTANTIATE_TEST_SUITE_P(
    , MailParametersParse,
    testing::Values(
        ParametersCase{"none", "", ""}, ParametersCase{"size", "SIZE=100", " SIZE=100"},
        ParametersCase{"size_of_zero", "SIZE=0", " SIZE=0"},
        ParametersCase{"size_of_twenty_digits", "SIZE=99999999999999999999", " SIZE=18446744073709551615"},
        ParametersCase{"size_of_twenty_one_digits", "SIZE=100000000000000000000", "malformed SIZE"},
        ParametersCase{"size_empty", "SIZE=", "malformed SIZE"},
        ParametersCase{"size_without_value", "SIZE", "malformed SIZE"},
        ParametersCase{"size_signed", "SIZE=-1", "malformed SIZE"},
        ParametersCase{"size_with_letters", "SIZE=1k", "malformed SIZE"},
        ParametersCase{"size_twice", "SIZE=1 SIZE=1", "malformed SIZE"},
        ParametersCase{"all_in_lower_case", "size=1 body=8bitmime smtputf8 ret=full envid=x auth=a@b",
                       " SIZE=1 BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=x AUTH=a@b"},
        ParametersCase{"seven_bit", "BODY=7BIT", " BODY=7BIT"},
        ParametersCase{"binarymime", "BODY=BINARYMIME", "malformed BODY"},
        ParametersCase{"body_twice", "BODY=7BIT BODY=8BITMIME", "malformed BODY"},
        ParametersCase{"smtputf8_with_value", "SMTPUTF8=1", "malformed SMTPUTF8"},
        ParametersCase{"smtputf8_twice", "SMTPUTF8 SMTPUTF8", "malformed SMTPUTF8"},
        ParametersCase{"headers_only", "RET=HDRS", " RET=HDRS"},
        ParametersCase{"ret_of_something", "RET=BODY", "malformed RET"},
        ParametersCase{"ret_twice", "RET=HDRS RET=HDRS", "malformed RET"},
        ParametersCase{"envid_encoded", "ENVID=a+20+2Bb", " ENVID=a+20+2Bb"},
        ParametersCase{"envid_with_line_end", "ENVID=a+0D+0AX:+20y", "malformed ENVID"},
        ParametersCase{"envid_not_ascii", "ENVID=a+FF", "malformed ENVID"},
        ParametersCase{"envid_empty", "ENVID=", "malformed ENVID"},
        ParametersCase{"envid_bad_xtext", "ENVID=a+2g", "malformed ENVID"},
        ParametersCase{"envid_at_the_limit", kEnvid100,
                       " "
                       "ENVID="
                       "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
                       "eeeeeeeeeeeeeee"},
        ParametersCase{"envid_over_the_limit", kEnvid101, "malformed ENVID"},
        ParametersCase{"auth_of_nobody", "AUTH=<>", " AUTH=<>"},
        ParametersCase{"auth_encoded", "AUTH=e+3Dmc2@b.example", " AUTH=e+3Dmc2@b.example"},
        ParametersCase{"auth_empty", "AUTH=", "malformed AUTH"},
        ParametersCase{"unknown", "FOO=1", "unknown FOO"},
        ParametersCase{"unknown_is_printable", "f\x01\xFFo", "unknown F??O"},
        ParametersCase{"notify_is_for_recipients", "NOTIFY=NEVER", "unknown NOTIFY"},
        ParametersCase{"equals_alone", "=", "unknown "}),
    [](const auto& row) { return std::string(row.param.name); });

class RecipientParametersParse : public testing::TestWithParam<ParametersCase> {};
TEST_P(RecipientParametersParse, Case) {
  EXPECT_EQ(reading<RecipientParameters>(GetParam().text), GetParam().want);
}

INSTANTIATE_TEST_SUITE_P(
    , RecipientParametersParse,
    testing::Values(ParametersCase{"none", "", ""}, ParametersCase{"never", "NOTIFY=NEVER", " NOTIFY=NEVER"},
                    ParametersCase{"all_three", "notify=delay,FAILURE,success",
                                   " NOTIFY=SUCCESS,FAILURE,DELAY"},
                    ParametersCase{"never_and_more", "NOTIFY=NEVER,DELAY", "malformed NOTIFY"},
                    ParametersCase{"empty_word", "NOTIFY=DELAY,", "malformed NOTIFY"},
                    ParametersCase{"notify_empty", "NOTIFY=", "malformed NOTIFY"},
                    ParametersCase{"notify_twice", "NOTIFY=DELAY NOTIFY=DELAY", "malformed NOTIFY"},
                    ParametersCase{"orcpt", "ORCPT=rfc822;a+2Bb@c.example", " ORCPT=rfc822;a+2Bb@c.example"},
                    ParametersCase{"orcpt_of_another_type", "ORCPT=x400;abc", " ORCPT=x400;abc"},
                    ParametersCase{"orcpt_without_type", "ORCPT=a@c.example", "malformed ORCPT"},
                    ParametersCase{"orcpt_with_empty_type", "ORCPT=;a@c.example", "malformed ORCPT"},
                    ParametersCase{"orcpt_without_address", "ORCPT=rfc822;", "malformed ORCPT"},
                    ParametersCase{"orcpt_with_line_end", "ORCPT=rfc822;a+0Ab", "malformed ORCPT"},
                    ParametersCase{"orcpt_twice", "ORCPT=rfc822;a ORCPT=rfc822;a", "malformed ORCPT"},
                    ParametersCase{"size_is_for_senders", "SIZE=1", "unknown SIZE"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Notify, UnsetMeansFailureAndDelay) {
  const Notify unset;
  EXPECT_TRUE(unset.on_failure() && unset.on_delay() && !unset.on_success() && !unset.never());
  const Notify never{Notify::kNever};
  EXPECT_TRUE(never.never() && !never.on_failure() && !never.on_delay() && !never.on_success());
}

TEST(Xtext, GoesThereAndBack) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(xtext_decode(xtext_encode(all)), all);
  EXPECT_EQ(xtext_encode("a+b=c d"), "a+2Bb+3Dc+20d");
}

TEST(Xtext, IsStrict) {
  for (const char* text : {"+", "+2", "+2b", "+2G", "a=b", "a b", "a\tb"})
    EXPECT_FALSE(xtext_decode(text)) << text;
  EXPECT_EQ(xtext_decode(""), "");
}

}  // namespace
}  // namespace hikyaku::mail
