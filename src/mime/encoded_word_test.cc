#include "mime/encoded_word.h"

#include <gtest/gtest.h>

#include <string>

namespace hikyaku::mime {
namespace {

/// The names of the repairs, in their order.
std::string names(const Repairs& repairs) {
  std::string text;
  for (const auto& repair : repairs.list) {
    text += (text.empty() ? "" : " ") + std::string(repair_name(repair.kind));
    EXPECT_NE(repair.what, "");
  }
  return text;
}

struct DecodeCase {
  const char* name;
  std::string_view value, text;
  std::string_view repairs = "";
};
class DecodeHeader : public testing::TestWithParam<DecodeCase> {};

TEST_P(DecodeHeader, gives_text_and_names_repairs) {
  const auto decoded = decode_header_value(GetParam().value);
  EXPECT_EQ(decoded.text, GetParam().text);
  EXPECT_EQ(names(decoded.repairs), GetParam().repairs);
  for (const auto& repair : decoded.repairs.list) EXPECT_LE(repair.where, GetParam().value.size());
}

const auto named = [](const auto& row) { return std::string(row.param.name); };

INSTANTIATE_TEST_SUITE_P(
    Standard, DecodeHeader,
    testing::Values(DecodeCase{"plain", " plain text \r\n", "plain text"}, DecodeCase{"empty", "", ""},
                    DecodeCase{"folded", " a\r\n b\r\n\tc", "a b c"},
                    DecodeCase{"q", "=?iso-8859-1?q?caf=E9_au_lait?=", "café au lait"},
                    DecodeCase{"b", "=?UTF-8?B?5pel5pys?=", "日本"},
                    DecodeCase{"iso_2022_jp", "=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=", "日本"},
                    DecodeCase{"words_lose_the_blanks_between", "=?utf-8?Q?a?= \r\n =?utf-8?Q?b?=", "ab"},
                    DecodeCase{"text_keeps_the_blanks_around", "x =?utf-8?Q?a?= y", "x a y"},
                    DecodeCase{"blanks_behind_the_last_word_before_text", "=?utf-8?Q?a?=  y", "a  y"},
                    DecodeCase{"charsets_change", "=?utf-8?B?5pel?= =?iso-2022-jp?B?GyRCS1wbKEI=?=", "日本"},
                    DecodeCase{"language", "=?utf-8*ja?B?5pel?=", "日"},
                    DecodeCase{"comment", "joe (=?utf-8?B?5pel?=)", "joe (日)"},
                    DecodeCase{"no_word", "a =? b =?x?y?z?= ?= =?utf-8?B", "a =? b =?x?y?z?= ?= =?utf-8?B"},
                    DecodeCase{"base64_ends_with_padding_before_the_mark",
                               "=?utf-8?B?YQ==?= =?utf-8?B?YmM=?=", "abc"},
                    DecodeCase{"empty_payload", "a =?utf-8?B?\?= b", "a  b"},
                    DecodeCase{"two_iso_2022_jp_words",
                               "=?iso-2022-jp?B?GyRCRnwbKEI=?= =?ISO-2022-JP?B?GyRCS1wbKEI=?=", "日本"},
                    DecodeCase{"dollars_in_plain_text", "$B 100 and $Big (B)", "$B 100 and $Big (B)"}),
    named);

INSTANTIATE_TEST_SUITE_P(
    Repaired, DecodeHeader,
    testing::Values(
        DecodeCase{"shift_state_carried", "=?iso-2022-jp?B?GyRCRnw=?= =?iso-2022-jp?B?S1wbKEI=?=", "日本",
                   "shift_state_carried"},
        DecodeCase{"shift_state_carried_without_return",
                   "=?iso-2022-jp?B?GyRCJCIkJA==?= =?iso-2022-jp?B?JCYkKA==?=", "あいうえ",
                   "shift_state_carried no_return_to_ascii"},
        DecodeCase{"double_octet_cut_in_two", "=?iso-2022-jp?B?GyRCRg==?= =?iso-2022-jp?B?fEtcGyhC?=", "日本",
                   "shift_state_carried"},
        DecodeCase{"kana_shift_state_carried", "=?iso-2022-jp?B?GyhJMQ==?= =?iso-2022-jp?B?MhsoQg==?=", "ｱｲ",
                   "shift_state_carried extended_characters"},
        DecodeCase{"no_return_at_the_end", "=?iso-2022-jp?B?GyRCRnw=?=", "日", "no_return_to_ascii"},
        DecodeCase{"no_return_before_a_word_of_its_own",
                   "=?iso-2022-jp?B?GyRCRnw=?= =?iso-2022-jp?B?GyRCS1wbKEI=?=", "日本", "no_return_to_ascii"},
        DecodeCase{"no_return_before_ascii", "=?iso-2022-jp?B?GyRCRnw=?= =?iso-2022-jp?Q?mail?=", "日mail",
                   "no_return_to_ascii"},
        DecodeCase{"utf_8_split", "=?utf-8?B?5pc=?= =?utf-8?B?peacrA==?=", "日本", "character_split"},
        DecodeCase{"utf_8_split_in_q", "=?utf-8?Q?=E6=97?= =?utf-8?Q?=A5?=", "日", "character_split"},
        DecodeCase{"shift_jis_split", "=?shift_jis?B?k/qW?= =?shift_jis?B?ew==?=", "日本", "character_split"},
        DecodeCase{"base64_without_padding", "=?utf-8?B?5pel5pysYQ?=", "日本a", "base64_padding"},
        DecodeCase{"base64_cut_anywhere", "=?utf-8?B?5pel5p?= =?utf-8?B?ys?=", "日本", "base64_padding"},
        DecodeCase{"base64_padded_in_the_middle", "=?utf-8?B?5pel5g==nKw=?=", "日本", "base64_padding"},
        DecodeCase{"base64_with_foreign_octets", "=?utf-8?B?5p*el?=", "日", "base64_characters"},
        DecodeCase{"base64url", "=?utf-8?B?44CC77-l?=", "。￥", "base64_characters"},
        DecodeCase{"q_with_spaces", "=?utf-8?Q?a b c?=", "a b c", "q_characters"},
        DecodeCase{"q_with_octets", "=?utf-8?Q?\xe6\x97\xa5?=", "日", "q_characters"},
        DecodeCase{"q_with_a_broken_octet", "=?utf-8?Q?a=4_=zz?=", "a=4 =zz", "q_characters"},
        DecodeCase{"q_with_a_question_mark", "=?utf-8?Q?what?=20now?=", "what? now", "q_characters"},
        DecodeCase{"missing_end", "=?utf-8?B?5pel5pys", "日本", "missing_end"},
        DecodeCase{"missing_end_before_text", "=?utf-8?B?5pel5pys and", "日本 and", "missing_end"},
        DecodeCase{"missing_end_before_a_word", "=?utf-8?B?5pel =?utf-8?B?5pys?=", "日本", "missing_end"},
        DecodeCase{"half_the_end", "=?utf-8?B?5pel?", "日", "missing_end"},
        DecodeCase{"folded_inside", "=?utf-8?B?5pel\r\n 5pys?=", "日本", "word_folded"},
        DecodeCase{"q_folded_inside", "=?utf-8?Q?=E6=97=A5\r\n =E6=9C=AC?=", "日本", "word_folded"},
        DecodeCase{"too_long",
                   "=?utf-8?Q?aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggg?=",
                   "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggg", "word_too_long"},
        DecodeCase{"touches_text", "a=?utf-8?Q?b?=c", "abc", "word_not_separated"},
        DecodeCase{"words_touch", "=?utf-8?Q?a?==?utf-8?Q?b?=", "ab",
                   "word_not_separated word_not_separated"},
        DecodeCase{"unknown_charset", "=?x-unknown?B?5pel5pys?=", "日本", "unknown_label"},
        DecodeCase{"labelled_jis_is_shift_jis", "=?iso-2022-jp?B?k/qWe4zq?=", "日本語", "wrong_label"},
        DecodeCase{"labelled_jis_is_utf_8", "=?iso-2022-jp?B?5pel5pys6Kqe?=", "日本語", "wrong_label"},
        DecodeCase{"labelled_ascii_is_jis", "=?us-ascii?B?GyRCRnxLXBsoQg==?=", "日本", "wrong_label"},
        DecodeCase{"labelled_ascii_is_utf_8", "=?us-ascii?Q?=E6=97=A5=E6=9C=AC?=", "日本", "wrong_label"},
        DecodeCase{"labelled_latin_1_is_utf_8", "=?iso-8859-1?Q?=E6=97=A5=E6=9C=AC?=", "日本", "wrong_label"},
        DecodeCase{"labelled_latin_1_is_latin_1", "=?iso-8859-1?Q?d=E9j=E0_vu?=", "déjà vu"},
        DecodeCase{"labelled_utf_8_is_shift_jis", "=?utf-8?B?k/qWe4zq?=", "日本語", "wrong_label"},
        DecodeCase{"labelled_shift_jis_is_euc_jp", "=?shift_jis?B?xvzL3LjsyrjO46THpLk=?=", "日本語文例です",
                   "wrong_label"},
        DecodeCase{"labelled_shift_jis_is_utf_8", "=?shift_jis?B?44GT44KT44Gr44Gh44Gv?=", "こんにちは",
                   "wrong_label"},
        DecodeCase{"half_width_kana_under_iso_2022_jp", "=?iso-2022-jp?B?GyhJMT0bKEI=?=", "ｱｽ",
                   "extended_characters"},
        DecodeCase{"half_width_kana_under_cp50221", "=?cp50221?B?GyhJMT0bKEI=?=", "ｱｽ"},
        DecodeCase{"nec_characters_under_iso_2022_jp", "=?iso-2022-jp?B?GyRCLSEbKEI=?=", "①",
                   "extended_characters"},
        DecodeCase{"lost_escapes_in_a_word", "=?iso-2022-jp?B?JEIkIiQkKEI=?=", "あい", "lost_escape"},
        DecodeCase{"undecodable", "=?utf-8?B?5pel/w==?=", "日\uFFFD", "undecodable"},
        DecodeCase{"raw_utf_8", " \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", "日本語", "raw_octets"},
        DecodeCase{"raw_shift_jis", " \x83\x65\x83\x58\x83\x67", "テスト", "raw_octets"},
        DecodeCase{"raw_euc_jp", " \xa5\xc6\xa5\xb9\xa5\xc8", "テスト", "raw_octets"},
        DecodeCase{"raw_jis", " \x1b$BF|K\\\x1b(B", "日本", "raw_octets"},
        DecodeCase{"raw_jis_over_a_fold", " \x1b$BF|\r\n K\\\x1b(B", "日 本", "raw_octets"},
        DecodeCase{"raw_jis_without_escapes", " $B$\"$$(B", "あい", "raw_octets lost_escape"},
        DecodeCase{"raw_octets_beside_a_word", "\xe6\x97\xa5 =?utf-8?B?5pys?=", "日 本", "raw_octets"},
        DecodeCase{"line_end_out_of_a_word", "=?utf-8?Q?a=0D=0ABcc:_b=00?=", "a Bcc: b",
                   "control_characters"},
        DecodeCase{"c1_controls_and_escape", "=?utf-8?Q?a=C2=9B1m=1B[b?=", "a1m[b", "control_characters"}),
    named);

INSTANTIATE_TEST_SUITE_P(Names, DecodeHeader,
                         testing::Values(DecodeCase{"sjis_beside_other_labels_of_it",
                                                    "=?x-sjis?B?k/qW?= =?Shift_JIS?B?ew==?=", "日本",
                                                    "character_split"}),
                         named);

struct StructuredCase {
  const char* name;
  std::string_view value, text;
  std::string_view repairs = "";
};
class DecodeAddresses : public testing::TestWithParam<StructuredCase> {};

TEST_P(DecodeAddresses, stays_parsable) {
  const auto decoded = decode_structured_value(GetParam().value, HeaderGrammar::addresses);
  EXPECT_EQ(decoded.text, GetParam().text);
  EXPECT_EQ(names(decoded.repairs), GetParam().repairs);
}

INSTANTIATE_TEST_SUITE_P(
    , DecodeAddresses,
    testing::Values(
        StructuredCase{"display_name", "=?utf-8?B?5pel5pys?= <a@b.example>, c@d.example",
                       "日本 <a@b.example>, c@d.example"},
        StructuredCase{"display_name_with_specials", "=?utf-8?Q?a=2C_b?= <a@b.example>",
                       "\"a, b\" <a@b.example>"},
        StructuredCase{"comma_inside_a_word", "=?utf-8?Q?a,_b?= <a@b.example>", "\"a, b\" <a@b.example>"},
        StructuredCase{"quoted_word", "\"=?utf-8?B?5pel?=\" <a@b.example>", "\"日\" <a@b.example>",
                       "word_in_quoted_string"},
        StructuredCase{"quoted_text", "\"a \\\"b\\\" c\" <a@b.example>", "\"a \\\"b\\\" c\" <a@b.example>"},
        StructuredCase{"raw_quoted", "\"\xe6\x97\xa5\xe6\x9c\xac\" <a@b.example>", "\"日本\" <a@b.example>",
                       "raw_octets"},
        StructuredCase{"comment", "a@b.example (=?utf-8?Q?=28x?=)", "a@b.example (\\(x)"},
        StructuredCase{"quote_never_closed", "\"a <b@c.example>", "\"a <b@c.example>"},
        StructuredCase{"group", "g: =?utf-8?Q?a?= <a@b.example>;", "g: a <a@b.example>;"}),
    named);

struct EncodeCase {
  const char* name;
  std::string_view field, value, charset, text;
};
class EncodeHeader : public testing::TestWithParam<EncodeCase> {};

TEST_P(EncodeHeader, is_folded_and_decodes_to_the_same) {
  const auto& row = GetParam();
  const auto encoded = encode_header_field(row.field, row.value, {*charset_by_label(row.charset)});
  ASSERT_TRUE(encoded) << encoded.error().text;
  EXPECT_EQ(encoded->text, row.text);
  EXPECT_TRUE(encoded->unencodable.empty());
  const auto value = std::string_view(encoded->text).substr(row.field.size() + 1);
  const auto decoded = decode_structured_value(value, header_grammar(row.field));
  EXPECT_EQ(decoded.text, row.value);
  EXPECT_EQ(names(decoded.repairs), "");
}

INSTANTIATE_TEST_SUITE_P(
    , EncodeHeader,
    testing::Values(
        EncodeCase{"ascii", "Subject", "plain text", "utf-8", "Subject: plain text\r\n"},
        EncodeCase{"empty", "Subject", "", "utf-8", "Subject:\r\n"},
        EncodeCase{"q_where_shorter", "Subject", "expressément dit", "utf-8",
                   "Subject: =?utf-8?Q?express=C3=A9ment?= dit\r\n"},
        EncodeCase{"b_where_shorter", "Subject", "日本語 です", "utf-8",
                   "Subject: =?utf-8?B?5pel5pys6KqeIOOBp+OBmQ==?=\r\n"},
        EncodeCase{"iso_2022_jp", "Subject", "Re: 日本", "iso-2022-jp",
                   "Subject: Re: =?iso-2022-jp?B?GyRCRnxLXBsoQg==?=\r\n"},
        EncodeCase{"each_word_of_iso_2022_jp_returns_to_ascii", "Subject",
                   "日本日本日本日本日本日本日本日本日本日本日本日本", "iso-2022-jp",
                   "Subject: =?iso-2022-jp?B?GyRCRnxLXEZ8S1xGfEtcRnxLXEZ8S1xGfEtcRnxLXEZ8GyhC?=\r\n "
                   "=?iso-2022-jp?B?GyRCS1xGfEtcRnxLXEZ8S1xGfEtcGyhC?=\r\n"},
        EncodeCase{"looks_like_a_word", "Subject", "a =?utf-8?Q?b?= c", "utf-8",
                   "Subject: a =?utf-8?B?PT91dGYtOD9RP2I/PQ==?= c\r\n"},
        EncodeCase{"looks_like_lost_escapes", "Subject", "a $B$\"(B", "utf-8",
                   "Subject: a =?utf-8?B?JEIkIihC?=\r\n"},
        EncodeCase{"display_name", "From", "営業 本部 <a@b.example>", "utf-8",
                   "From: =?utf-8?B?5Za25qWtIOacrOmDqA==?= <a@b.example>\r\n"},
        EncodeCase{"quoted_display_name", "To", "\"営業, 本部\" <a@b.example>, c@d.example", "utf-8",
                   "To: =?utf-8?B?5Za25qWtLCDmnKzpg6g=?= <a@b.example>, c@d.example\r\n"},
        EncodeCase{"plain_addresses", "To", "\"Office, A\" <a@b.example>, c@d.example (x)", "utf-8",
                   "To: \"Office, A\" <a@b.example>, c@d.example (x)\r\n"},
        EncodeCase{"comment", "To", "c@d.example (日)", "utf-8", "To: c@d.example (=?utf-8?B?5pel?=)\r\n"},
        EncodeCase{"verbatim", "Message-ID", "<=?utf-8?Q?x?=@y>", "utf-8",
                   "Message-ID: <=?utf-8?Q?x?=@y>\r\n"},
        EncodeCase{
            "folded_text", "Subject",
            "aaaaaaaaaa bbbbbbbbbb cccccccccc dddddddddd eeeeeeeeee ffffffffff gggggggggg", "utf-8",
            "Subject: aaaaaaaaaa bbbbbbbbbb cccccccccc dddddddddd eeeeeeeeee ffffffffff\r\n gggggggggg\r\n"}),
    named);

TEST(EncodeHeaderField, splits_no_character_and_keeps_lines_short) {
  std::string value;
  for (int i = 0; i < 60; ++i) value += i % 7 ? "日本語ｶﾞé" : " plain か゚👍🏽 ";
  for (const std::string_view label : {"utf-8", "iso-2022-jp", "cp50221", "shift_jis", "euc-jp", "gb18030"}) {
    for (const auto encoding : {WordEncoding::b, WordEncoding::q, WordEncoding::shortest}) {
      for (const std::size_t line : {40, 76, 998}) {
        const auto charset = *charset_by_label(label);
        const auto encoded = encode_header_field("Subject", value, {charset, encoding, line});
        ASSERT_TRUE(encoded);
        for (std::string_view rest = encoded->text; !rest.empty();) {
          const auto end = rest.find("\r\n");
          ASSERT_NE(end, std::string_view::npos);
          EXPECT_LE(end, std::max<std::size_t>(line, 60)) << label;
          // Each line by itself decodes without repair.
          auto one = rest.substr(0, end);
          if (one.starts_with("Subject:")) one.remove_prefix(8);
          EXPECT_EQ(names(decode_header_value(one).repairs), "") << label << ": " << one;
          rest.remove_prefix(end + 2);
        }
        if (label == "utf-8" || label == "gb18030") {
          EXPECT_EQ(decode_header_value(std::string_view(encoded->text).substr(8)).text,
                    decode_header_value(value).text.substr(0));
          EXPECT_TRUE(encoded->unencodable.empty());
        } else {
          EXPECT_FALSE(encoded->unencodable.empty()) << "emoji has no place in " << label;
        }
      }
    }
  }
}

TEST(EncodeHeaderField, cuts_marks_without_end) {
  std::string value = "か";
  for (int i = 0; i < 40; ++i) value += "\u309A";
  for (const auto encoding : {WordEncoding::b, WordEncoding::q}) {
    const auto encoded = encode_header_field("Subject", value, {kUtf8, encoding});
    ASSERT_TRUE(encoded);
    const auto decoded = decode_header_value(std::string_view(encoded->text).substr(8));
    EXPECT_EQ(decoded.text, value);
    EXPECT_EQ(names(decoded.repairs), "");
  }
}

TEST(EncodeHeaderField, refuses_what_would_make_another_header) {
  EXPECT_FALSE(encode_header_field("Subject", "a\r\nBcc: b"));
  EXPECT_FALSE(encode_header_field("Sub ject", "a"));
  EXPECT_FALSE(encode_header_field("", "a"));
  EXPECT_FALSE(encode_header_field("Subject", "a", {*charset_by_label("utf-16")}));
}

TEST(DecodeHeaderValue, keeps_a_hundred_repairs_and_counts_the_rest) {
  std::string value;
  for (int i = 0; i < 300; ++i) value += "=?utf-8?Q?a b?= x ";
  const auto decoded = decode_header_value(value);
  EXPECT_EQ(decoded.repairs.list.size(), 100U);
  EXPECT_EQ(decoded.repairs.more, 200U);
}

// Each of these is 1 MiB: what takes quadratic time runs into the limit of the whole program.
TEST(DecodeHeaderValue, comes_to_an_end_with_hostile_values) {
  for (const std::string_view part :
       {"=?", "=?utf-8?B?", "=?utf-8?Q?=", "=?utf-8?Q?a?=", "=?a?Q?b?=c0?=", "\"", "(", "<", "$B", "\x1b$B",
        "=?iso-2022-jp?B?GyRCRnw=?= ", "=?x?B?", "\xe3", "\\\""}) {
    std::string value;
    while (value.size() < (1U << 20U)) value += part;
    EXPECT_LE(decode_header_value(value).text.size(), 3 * value.size()) << part;
    EXPECT_LE(decode_structured_value(value, HeaderGrammar::addresses).text.size(), 3 * value.size()) << part;
  }
}

}  // namespace
}  // namespace hikyaku::mime
