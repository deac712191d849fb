#include "mime/parameter.h"

#include <gtest/gtest.h>

#include <string>

namespace hikyaku::mime {
namespace {

std::string names(const Repairs& repairs) {
  std::string text;
  for (const auto& repair : repairs.list)
    text += (text.empty() ? "" : " ") + std::string(repair_name(repair.kind));
  return text;
}

/// "text/plain|charset=utf-8|filename(utf-8'ja)=x"
std::string shown(const ParameterizedValue& value) {
  auto text = value.value;
  for (const auto& one : value.parameters) {
    text += "|" + one.name;
    if (!one.charset.empty() || !one.language.empty()) text += "(" + one.charset + "'" + one.language + ")";
    text += "=" + one.value;
  }
  return text;
}

struct ParameterCase {
  const char* name;
  std::string_view value, text;
  std::string_view repairs = "";
};
class DecodeParameters : public testing::TestWithParam<ParameterCase> {};

TEST_P(DecodeParameters, gives_values_and_names_repairs) {
  const auto decoded = decode_parameters(GetParam().value);
  EXPECT_EQ(shown(decoded), GetParam().text);
  EXPECT_EQ(names(decoded.repairs), GetParam().repairs);
}

const auto named = [](const auto& row) { return std::string(row.param.name); };

INSTANTIATE_TEST_SUITE_P(
    Standard, DecodeParameters,
    testing::Values(
        ParameterCase{"plain", " text/plain; charset=UTF-8; format=flowed",
                      "text/plain|charset=UTF-8|format=flowed"},
        ParameterCase{"quoted", "Attachment; filename=\"a b; c.txt\"", "attachment|filename=a b; c.txt"},
        ParameterCase{"escaped_quote", "attachment; filename=\"a\\\"b\\\\c\"", "attachment|filename=a\"b\\c"},
        ParameterCase{"folded", "multipart/mixed;\r\n\tboundary=\"x\"", "multipart/mixed|boundary=x"},
        ParameterCase{"comments", "text/plain (a; b); charset=us-ascii (plain)",
                      "text/plain|charset=us-ascii"},
        ParameterCase{"percent", "attachment; filename*=utf-8'ja'%E6%97%A5.txt",
                      "attachment|filename(utf-8'ja)=日.txt"},
        ParameterCase{"percent_in_iso_2022_jp", "attachment; filename*=iso-2022-jp''%1B$B%46%7C%1B%28B.txt",
                      "attachment|filename(iso-2022-jp')=日.txt"},
        ParameterCase{"pieces", "attachment; filename*0=\"ab\"; filename*1=cd", "attachment|filename=abcd"},
        ParameterCase{"pieces_percent_encoded_or_not", "a; f*0*=utf-8''%E6%97; f*1*=%A5; f*2=\".t%20\"",
                      "a|f(utf-8')=日.t%20"},
        ParameterCase{"pieces_in_any_order", "a; f*1=b; f*0=a; f*2=c", "a|f=abc"},
        ParameterCase{"more_than_ten_pieces",
                      "a; f*0=a; f*1=b; f*2=c; f*3=d; f*4=e; f*5=f; f*6=g; f*7=h; f*8=i; f*9=j; f*10=k",
                      "a|f=abcdefghijk"},
        ParameterCase{"both_forms_that_say_the_same",
                      "a; filename=\"=?utf-8?B?5pel?=\"; filename*=utf-8''%E6%97%A5",
                      "a|filename(utf-8')=日"},
        ParameterCase{"no_parameters", "text/html", "text/html"}, ParameterCase{"nothing", "", ""},
        ParameterCase{"semicolons", "text/html;;  ;", "text/html"},
        ParameterCase{"parentheses_in_a_files_name", "a; filename=\"a (1).txt\"", "a|filename=a (1).txt"}),
    named);

INSTANTIATE_TEST_SUITE_P(
    Repaired, DecodeParameters,
    testing::Values(
        ParameterCase{"encoded_word_in_quotes", "attachment; filename=\"=?iso-2022-jp?B?GyRCRnwbKEI=?=\"",
                      "attachment|filename=日", "word_in_parameter"},
        ParameterCase{"encoded_word_bare", "attachment; filename==?utf-8?B?5pel?=", "attachment|filename=日",
                      "word_in_parameter"},
        ParameterCase{"encoded_words_folded", "a; name=\"=?utf-8?B?5pel?=\r\n =?utf-8?B?5pys?=.txt\"",
                      "a|name=日本.txt", "word_in_parameter word_not_separated"},
        ParameterCase{"encoded_words_in_pieces", "a; name*0=\"=?utf-8?B?5pel\"; name*1=\"5pys?=\"",
                      "a|name=日本", "word_in_parameter"},
        ParameterCase{"raw_utf_8", "a; filename=\"\xe6\x97\xa5\xe6\x9c\xac.txt\"", "a|filename=日本.txt",
                      "raw_octets"},
        ParameterCase{"raw_shift_jis_with_backslash", "a; filename=\"\x95\x5c\x83\x65\x83\x58\x83\x67.txt\"",
                      "a|filename=表テスト.txt", "raw_octets"},
        ParameterCase{"raw_shift_jis_ending_in_backslash", "a; filename=\"\x83\x65\x83\x58\x83\x67\x95\x5c\"",
                      "a|filename=テスト表", "raw_octets"},
        ParameterCase{"raw_jis", "a; filename=\"\x1b$BF|\x1b(B.txt\"", "a|filename=日.txt", "raw_octets"},
        ParameterCase{"path_of_windows", "a; filename=\"C:\\dir\\a.txt\"", "a|filename=C:\\dir\\a.txt"},
        ParameterCase{"blanks_around_the_equals_sign", "a; charset = utf-8", "a|charset=utf-8",
                      "parameter_syntax parameter_syntax"},
        ParameterCase{"blanks_in_a_bare_value", "a; filename=My File (1).pdf; x=y",
                      "a|filename=My File (1).pdf|x=y", "parameter_syntax"},
        ParameterCase{"no_semicolon", "a; name=\"b\" filename=\"c\"", "a|name=b|filename=c",
                      "parameter_syntax"},
        ParameterCase{"no_closing_quote", "a; name=\"b; filename=c", "a|name=b|filename=c",
                      "parameter_syntax"},
        ParameterCase{"text_behind_a_quoted_string", "a; name=\"b\"c d; e=f", "a|name=b|e=f",
                      "parameter_syntax"},
        ParameterCase{"no_value", "a; name=; e=f", "a|name=|e=f", "parameter_syntax"},
        ParameterCase{"no_parameter", "a; \"x\"; e=f", "a|e=f", "parameter_syntax"},
        ParameterCase{"value_with_text_behind", "text/plain charset=utf-8; e=f", "text/plain|e=f",
                      "parameter_syntax"},
        ParameterCase{"rfc_2231_in_quotes", "a; filename*=\"utf-8''%E6%97%A5\"", "a|filename(utf-8')=日",
                      "parameter_syntax"},
        ParameterCase{"rfc_2231_without_charset", "a; filename*=%E6%97%A5%E6%9C%AC", "a|filename=日本",
                      "parameter_syntax raw_octets"},
        ParameterCase{"rfc_2231_without_language", "a; filename*=utf-8'%E6%97%A5", "a|filename(utf-8')=日",
                      "parameter_syntax"},
        ParameterCase{"rfc_2231_with_empty_charset", "a; filename*=''a%20b", "a|filename=a b"},
        ParameterCase{"rfc_2231_badly_encoded", "a; filename*=utf-8''a%b c%E6%97%A5",
                      "a|filename(utf-8')=a%b c日", "parameter_syntax parameter_syntax"},
        ParameterCase{"rfc_2231_wrong_charset", "a; filename*=utf-8''%93%FA%96%7B%8C%EA",
                      "a|filename(utf-8')=日本語", "wrong_label"},
        ParameterCase{"piece_missing", "a; f*0=a; f*2=c", "a|f=ac", "parameter_pieces"},
        ParameterCase{"piece_twice", "a; f*0=a; f*0=b; f*1=c", "a|f=ac", "parameter_pieces"},
        ParameterCase{"first_piece_missing", "a; f*1=b", "a|f=b", "parameter_pieces"},
        ParameterCase{"twice", "a; f=a; F=b", "a|f=a", "parameter_twice"},
        ParameterCase{"both_forms_that_differ", "a; f=a; f*=utf-8''b", "a|f(utf-8')=b", "parameter_twice"},
        ParameterCase{"line_end_in_a_value", "a; f*=utf-8''a%0D%0AB:%00c", "a|f(utf-8')=a B:c",
                      "control_characters"},
        ParameterCase{"only_a_parameter", "charset=utf-8", "|charset=utf-8"}),
    named);

TEST(DecodeParametersLimits, drop_and_tell) {
  std::string value = "a";
  for (int i = 0; i < 200; ++i) value += "; p" + std::to_string(i) + "=x";
  const auto decoded = decode_parameters(value);
  EXPECT_EQ(decoded.parameters.size(), 100U);
  EXPECT_EQ(names(decoded.repairs), "parameter_syntax");
  std::string pieces = "a";
  for (int i = 0; i < 2000; ++i) pieces += "; p*" + std::to_string(i) + "=x";
  const auto joined = decode_parameters(pieces);
  ASSERT_EQ(joined.parameters.size(), 1U);
  EXPECT_EQ(joined.parameters.front().value.size(), 1000U);
  EXPECT_EQ(names(joined.repairs), "parameter_syntax");
}

struct PutCase {
  const char* name;
  std::string_view value, charset;
  ParameterStyle style;
  std::string_view text;
};
class PutParameter : public testing::TestWithParam<PutCase> {};

TEST_P(PutParameter, is_folded_and_decodes_to_the_same) {
  const auto& row = GetParam();
  std::string field = "Content-Disposition: attachment";
  put_parameter(field, "filename", row.value, {*charset_by_label(row.charset), row.style, {}});
  EXPECT_EQ(field, "Content-Disposition: attachment" + std::string(row.text));
  const auto decoded = decode_parameters(std::string_view(field).substr(20));
  ASSERT_TRUE(decoded.find("filename"));
  EXPECT_EQ(decoded.find("filename")->value, row.value);
  EXPECT_EQ(names(decoded.repairs), "");
}

INSTANTIATE_TEST_SUITE_P(
    , PutParameter,
    testing::Values(
        PutCase{"token", "a.txt", "utf-8", ParameterStyle::rfc2231, "; filename=a.txt"},
        PutCase{"quoted", "a \"b\".txt", "utf-8", ParameterStyle::rfc2231, "; filename=\"a \\\"b\\\".txt\""},
        PutCase{"empty", "", "utf-8", ParameterStyle::rfc2231, "; filename=\"\""},
        PutCase{"percent", "日.txt", "utf-8", ParameterStyle::rfc2231, "; filename*=utf-8''%E6%97%A5.txt"},
        PutCase{"iso_2022_jp", "日.txt", "iso-2022-jp", ParameterStyle::rfc2231,
                "; filename*=iso-2022-jp''%1B$BF|%1B%28B.txt"},
        PutCase{"old_readers_too", "日.txt", "utf-8", ParameterStyle::rfc2047_too,
                "; filename=\"=?utf-8?B?5pelLnR4dA==?=\";\r\n filename*=utf-8''%E6%97%A5.txt"},
        PutCase{"pieces", "日本語の長い名前のファイル.txt", "utf-8", ParameterStyle::rfc2231,
                ";\r\n filename*0*=utf-8''%E6%97%A5%E6%9C%AC%E8%AA%9E%E3%81%AE%E9%95%B7%E3%81%84"
                ";\r\n filename*1*=%E5%90%8D%E5%89%8D%E3%81%AE%E3%83%95%E3%82%A1%E3%82%A4"
                ";\r\n filename*2*=%E3%83%AB.txt"},
        PutCase{"long_ascii",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
                "utf-8", ParameterStyle::rfc2231,
                ";\r\n filename*0=\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbb\""
                ";\r\n filename*1=\"bbbbbbbbbbbbbbbbbbbbbbb\""}),
    named);

}  // namespace
}  // namespace hikyaku::mime
