#include "probe/message_draft.h"

#include <gtest/gtest.h>

#include "probe/encoded_header.h"

namespace hikyaku::probe {
namespace {

const DraftFacts kFacts{"a@a.test", "b@b.test", "NOW", "1@c.test", "9", "u"};

struct DraftCase {
  const char* name;
  MessageDraft draft;
  std::string wire;
};

const std::string kHead = "Date: NOW\r\nTo: b@b.test\r\nFrom: a@a.test\r\n";
const std::string kTail = "Message-Id: <1@c.test>\r\nX-Mailer: hikyaku probe\r\n";
const std::string kSubject = "Subject: test NOW\r\n";
const std::string kEnd = "\r\n\r\n\r\n.\r\n";
const std::string kTest = "\r\nThis is a test mailing" + kEnd;

class Drafted : public testing::TestWithParam<DraftCase> {};
TEST_P(Drafted, IsOnTheWire) { EXPECT_EQ(drafted(GetParam().draft, kFacts), GetParam().wire); }

const std::string kUsual = kHead + kSubject + kTail;
const std::string kMixed =
    kUsual + "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"----=_part_000_u\"\r\n\r\n";
const std::string kDelimiter = "------=_part_000_u\r\n";
const std::string kClose = "------=_part_000_u--" + kEnd;
const std::string kTestPart = kDelimiter + "Content-Type: text/plain\r\n\r\nThis is a test mailing\r\n";

INSTANTIATE_TEST_SUITE_P(
    , Drafted,
    testing::Values(
        DraftCase{"the_usual_message", {}, kUsual + kTest},
        DraftCase{"a_body_with_line_ends_and_tokens",
                  {.body = "x\\ny %FROM_ADDRESS%%NEWLINE%z %BODY% %SWAKS_VERSION%"},
                  kUsual + "\r\nx\r\ny a@a.test\r\nz %BODY% 9" + kEnd},
        DraftCase{"a_header_in_the_place_of_one",
                  {.replaced_headers = {"subject: s"}},
                  kHead + "subject: s\r\n" + kTail + kTest},
        DraftCase{"the_last_header_of_a_name_counts",
                  {.replaced_headers = {"X: 1", "Subject: a", "X: 2", "Subject: b"}},
                  kHead + "Subject: b\r\n" + kTail + "X: 2\r\n" + kTest},
        DraftCase{"headers_added",
                  {.added_headers = {"X-A: %TO_ADDRESS%\\nX-B: 2", "Subject: again"}},
                  kUsual + "X-A: b@b.test\r\nX-B: 2\r\nSubject: again\r\n" + kTest},
        DraftCase{"a_folded_header_stays_one",
                  {.replaced_headers = {"X-L: a\\n b"}},
                  kUsual + "X-L: a\r\n b\r\n" + kTest},
        DraftCase{"a_body_with_a_line_end", {.body = "end\n"}, kUsual + "\r\nend" + kEnd},
        DraftCase{"a_body_with_an_empty_line", {.body = "a\n\nb"}, kUsual + "\r\na\r\n\r\nb\r\n\r\n.\r\n"},
        DraftCase{"data_of_its_own",
                  {.data = "A: x\\n\\nbody\\n.dot\\n"},
                  "A: x\r\n\r\nbody\r\n..dot\r\n\r\n.\r\n"},
        DraftCase{"data_without_a_last_line_end", {.data = "A: x\n\nbody"}, "A: x\r\n\r\nbody\r\n.\r\n"},
        DraftCase{"data_that_has_its_dot",
                  {.data = "A: x\r\n\r\nb\r\n.\r\nmore\r\n.\r\n"},
                  "A: x\r\n\r\nb\r\n..\r\nmore\r\n.\r\n"},
        DraftCase{
            "data_that_ends_in_a_dot_without_a_line_end", {.data = "A: x\n\nb\n."}, "A: x\r\n\r\nb\r\n.\r\n"},
        DraftCase{"data_without_an_empty_line", {.data = "A: b\\nC: d"}, "A: b\r\nC: d\r\n\r\n\r\n.\r\n"},
        DraftCase{"a_bare_cr_stays", {.data = "A: b\n\nx\ry"}, "A: b\r\n\r\nx\ry\r\n.\r\n"},
        DraftCase{"headers_before_the_empty_line_of_data",
                  {.data = "A: b\n\nx", .added_headers = {"C: d"}, .replaced_headers = {"A: e"}},
                  "A: e\r\nC: d\r\n\r\nx\r\n.\r\n"},
        DraftCase{"headers_where_the_token_is",
                  {.data = "%NEW_HEADERS%A: b\n\nx", .added_headers = {"C: d"}},
                  "C: d\r\nA: b\r\n\r\nx\r\n.\r\n"},
        DraftCase{"a_token_within_a_line_ends_no_header_line",
                  {.data = "S: %BODY%\n\nx", .body = "q", .replaced_headers = {"T: t"}},
                  "S: q\r\nT: t\r\n\r\nx\r\n.\r\n"},
        DraftCase{"the_first_line_of_a_mailbox_file_goes",
                  {.data = "From x Mon\nA: b\n\nx"},
                  "A: b\r\n\r\nx\r\n.\r\n"},
        DraftCase{"the_first_line_of_a_mailbox_file_stays",
                  {.data = "From x Mon\nA: b\n\nx", .strip_from_line = false},
                  "From x Mon\r\nA: b\r\n\r\nx\r\n.\r\n"},
        DraftCase{"data_untouched",
                  {.data = "A: %DATE%\\n\n.\n", .body = "x", .fixup = false},
                  "A: %DATE%\\n\n.\n\r\n"},
        DraftCase{
            "an_attachment",
            {.attachments = {{"", "a.bin", std::string("\0\1", 2)}}},
            kMixed + kTestPart + kDelimiter +
                "Content-Type: application/octet-stream; name=\"a.bin\"\r\nContent-Description: a.bin\r\n"
                "Content-Disposition: attachment; filename=\"a.bin\"\r\nContent-Transfer-Encoding: "
                "BASE64\r\n\r\nAAE=\r\n\r\n" +
                kClose},
        DraftCase{"an_empty_attachment_without_a_name",
                  {.attachments = {{"text/plain", "", ""}}},
                  kMixed + kTestPart + kDelimiter +
                      "Content-Type: text/plain\r\nContent-Disposition: "
                      "attachment\r\nContent-Transfer-Encoding: BASE64\r\n\r\n\r\n" +
                      kClose},
        DraftCase{"two_bodies_are_alternatives",
                  {.bodies = {{"text/html", "", "<b>"}, {"", "", "x\\ny"}}},
                  kUsual +
                      "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; "
                      "boundary=\"----=_part_000_u\"\r\n\r\n" +
                      kDelimiter +
                      "Content-Type: text/html\r\nContent-Transfer-Encoding: BASE64\r\n\r\nPGI+\r\n\r\n" +
                      kDelimiter + "Content-Type: text/plain\r\n\r\nx\r\ny\r\n" + kClose},
        DraftCase{"alternatives_within_a_mixture",
                  {.bodies = {{"", "", "x"}, {"", "", "y"}}, .attachments = {{"a/b", "", "z"}}},
                  kMixed + kDelimiter +
                      "Content-Type: multipart/alternative; "
                      "boundary=\"----=_part_001_u\"\r\n\r\n------=_part_001_u\r\nContent-Type: "
                      "text/plain\r\n\r\nx\r\n------=_part_001_u\r\nContent-Type: "
                      "text/plain\r\n\r\ny\r\n------=_part_001_u--\r\n" +
                      kDelimiter +
                      "Content-Type: a/b\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: "
                      "BASE64\r\n\r\neg==\r\n\r\n" +
                      kClose},
        DraftCase{"data_with_a_body_token_gets_the_mime_fields",
                  {.data = "A: b\n\n%BODY%\n", .attachments = {{"a/b", "", "z"}}},
                  "A: b\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; "
                  "boundary=\"----=_part_000_u\"\r\n\r\n" +
                      kTestPart + kDelimiter +
                      "Content-Type: a/b\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: "
                      "BASE64\r\n\r\neg==\r\n\r\n" +
                      "------=_part_000_u--\r\n\r\n\r\n.\r\n"},
        DraftCase{"a_japanese_body_is_marked",
                  {.body = "日本"},
                  kUsual +
                      "MIME-Version: 1.0\r\nContent-Type: text/plain; "
                      "charset=utf-8\r\nContent-Transfer-Encoding: BASE64\r\n\r\n"
                      "5pel5pys\r\n" +
                      kEnd},
        DraftCase{"what_is_no_utf8_is_not_marked", {.body = "caf\xe9"}, kUsual + "\r\ncaf\xe9" + kEnd},
        DraftCase{"a_japanese_subject_is_an_encoded_word",
                  {.replaced_headers = {"Subject: Re: 日本"}},
                  kHead + "Subject: Re: =?utf-8?B?5pel5pys?=\r\n" + kTail + kTest}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(DraftedText, IsForPeople) {
  EXPECT_EQ(drafted_text({.data = "A: b\n\n.x\n.\n"}, kFacts), "A: b\n\n.x\n");
  EXPECT_EQ(drafted_text({.data = "A: b\n\nx"}, kFacts), "A: b\n\nx\n");
  EXPECT_EQ(drafted_text({.data = "A: b\n\nx\n."}, kFacts), "A: b\n\nx\n");
}

struct HeaderCase {
  const char *name, *line;
  std::string encoded;
};
class EncodedHeader : public testing::TestWithParam<HeaderCase> {};
TEST_P(EncodedHeader, IsAsExpected) { EXPECT_EQ(encoded_header(GetParam().line), GetParam().encoded); }
INSTANTIATE_TEST_SUITE_P(
    , EncodedHeader,
    testing::Values(
        HeaderCase{"a_quoted_name_with_a_comma", "From: \"営業, 本部\" <a@b.example>",
                   "From: =?utf-8?B?5Za25qWtLCDmnKzpg6g=?= <a@b.example>"},
        HeaderCase{"an_address_stays", "To: 日本@b.example", "To: 日本@b.example"},
        HeaderCase{"an_identifier_stays", "Message-ID: <日@b.example>", "Message-ID: <日@b.example>"},
        HeaderCase{"quotes_of_a_text_stay_in_pairs", "Subject: \"日本", "Subject: =?utf-8?B?IuaXpeacrA==?="},
        HeaderCase{"ascii", "Subject:plain  text", "Subject:plain  text"},
        HeaderCase{"no_field", "no colon \xc3\xb6", "no colon \xc3\xb6"},
        HeaderCase{"no_utf8", "X: caf\xe9", "X: caf\xe9"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(EncodedHeaderLines, AreShortAndEndInLf) {
  std::string line = "Subject: ";
  for (int i = 0; i < 40; ++i) line += "日";
  const auto encoded = encoded_header(line);
  EXPECT_NE(encoded.find("?=\n =?utf-8?B?"), std::string::npos) << encoded;
  EXPECT_EQ(encoded.find('\r'), std::string::npos);
  EXPECT_FALSE(encoded.ends_with('\n'));
  for (std::size_t at = 0; at < encoded.size();) {
    const auto end = std::min(encoded.find('\n', at), encoded.size());
    EXPECT_LE(end - at, 76U);
    at = end + 1;
  }
}

TEST(HeaderParameter, QuotesAndMarks) {
  std::string field = "A: b";
  put_header_parameter(field, "name", "a\"b\\c.txt");
  put_header_parameter(field, "name", "日 1.txt");
  EXPECT_EQ(field, "A: b; name=\"a\\\"b\\\\c.txt\"; name*=utf-8''%E6%97%A5%201.txt");
}

TEST(DraftedText, ANameCanNotEndAField) {
  const auto text = drafted({.attachments = {{"a/b", "x\nB: y", "z"}}}, kFacts);
  EXPECT_EQ(text.find("\nB: y"), std::string::npos) << text;
}

}  // namespace
}  // namespace hikyaku::probe
