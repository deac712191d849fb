#include "mime/header_doctor.h"

#include <gtest/gtest.h>

#include <string>

namespace hikyaku::mime {
namespace {

std::string lines(const HeaderReport& report) {
  std::string text;
  for (const auto& field : report.fields) {
    for (const auto& repair : field.repairs.list) text += repair_line(field, repair) + "\n";
  }
  return text;
}

struct DoctorCase {
  const char* name;
  std::string_view section, lines, repaired;
};
class HeaderDoctor : public testing::TestWithParam<DoctorCase> {};

TEST_P(HeaderDoctor, names_repairs_and_makes_a_section_without_any) {
  const auto& row = GetParam();
  const auto report = examine_header(row.section);
  EXPECT_EQ(lines(report), row.lines);
  EXPECT_EQ(report.repaired, row.repaired);
  EXPECT_EQ(lines(examine_header(report.repaired)), "");
}

INSTANTIATE_TEST_SUITE_P(
    , HeaderDoctor,
    testing::Values(
        DoctorCase{"healthy", "From: =?utf-8?B?5pel?= <a@b.example>\r\nSubject: x\r\n", "",
                   "From: =?utf-8?B?5pel?= <a@b.example>\r\nSubject: x\r\n"},
        DoctorCase{"line_ends_become_crlf", "A: b\nC: d", "", "A: b\r\nC: d\r\n"},
        DoctorCase{
            "shift_state",
            "To: a@b.example\r\nSubject: =?iso-2022-jp?B?GyRCRnw=?=\r\n =?iso-2022-jp?B?S1wbKEI=?=\r\n",
            "subject: shift state carried over two encoded words; joined before decoding\n",
            "To: a@b.example\r\nSubject: =?utf-8?B?5pel5pys?=\r\n"},
        DoctorCase{"raw_octets_and_quoted_words",
                   "From: \"=?utf-8?B?5pel?=\" <a@b.example>\r\nX-Y: \x93\xfa\x96\x7b\x8c\xea\r\n",
                   "from: an encoded word inside a quoted string; decoded all the same\n"
                   "x-y: raw octets outside of encoded words; guessed shift_jis (confidence 0.99)\n",
                   "From: =?utf-8?B?5pel?= <a@b.example>\r\nX-Y: =?utf-8?B?5pel5pys6Kqe?=\r\n"},
        DoctorCase{"parameters", "Content-Type: application/pdf; name=\"=?utf-8?B?5pel?=.pdf\"\r\n",
                   "content-type: an encoded word as a parameter's value, where RFC 2231 should be; decoded "
                   "all the same\n"
                   "content-type: an encoded word that touches other text\n",
                   "Content-Type: application/pdf; name*=utf-8''%E6%97%A5.pdf\r\n"},
        DoctorCase{"no_field", "A: b\r\nrubbish\r\nC: d\r\n",
                   "line 2: a line that is no header field; taken out\n", "A: b\r\nC: d\r\n"},
        DoctorCase{"line_of_a_mailbox_file", "From joe Mon\r\nA: b\r\n", "", "From joe Mon\r\nA: b\r\n"},
        DoctorCase{"no_second_header_comes_out_of_a_word", "Subject: =?utf-8?Q?a=0D=0ABcc:_b?=\r\n",
                   "subject: 2 control characters taken out\n", "Subject: a Bcc: b\r\n"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(HeaderDoctorReport, tells_line_before_after_and_text) {
  const auto report = examine_header("A: b\r\n c\r\nSubject: =?utf-8?B?5pel\r\n", {kIso2022Jp});
  ASSERT_EQ(report.fields.size(), 1U);
  EXPECT_EQ(report.fields_seen, 2U);
  const auto& field = report.fields.front();
  EXPECT_EQ(field.name, "Subject");
  EXPECT_EQ(field.line, 3U);
  EXPECT_EQ(field.text, "日");
  EXPECT_EQ(field.before, "Subject: =?utf-8?B?5pel\r\n");
  EXPECT_EQ(field.after, "Subject: =?iso-2022-jp?B?GyRCRnwbKEI=?=\r\n");
}

TEST(HeaderDoctorReport, keeps_a_thousand_fields_and_counts_the_rest) {
  std::string section;
  for (int i = 0; i < 1200; ++i) section += "X: \xe6\x97\xa5\r\n";
  const auto report = examine_header(section);
  EXPECT_EQ(report.fields.size(), 1000U);
  EXPECT_EQ(report.more, 200U);
  EXPECT_EQ(report.fields_seen, 1200U);
}

TEST(HeaderDoctorReport, leaves_message_ids_as_they_are) {
  const auto report = examine_header("Message-ID: <\xe6\x97\xa5@b.example>\r\n");
  EXPECT_EQ(lines(report),
            "message-id: raw octets outside of encoded words; guessed utf-8 (confidence 0.99)\n");
  EXPECT_EQ(report.repaired, "Message-ID: <\xe6\x97\xa5@b.example>\r\n");
}

}  // namespace
}  // namespace hikyaku::mime
