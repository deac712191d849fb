#include "mime/diagnosis.h"

#include <gtest/gtest.h>

#include "mime/any_cuts_for_tests.h"

namespace hikyaku::mime {
namespace {

std::string told(const Diagnosis& diagnosis) {
  std::string out;
  for (const auto& finding : diagnosis.findings())
    out += (finding.part.empty() ? std::string("-") : finding.part) + " " + finding.problem + "@" +
           std::to_string(finding.offset) + (finding.repairable ? "" : "!") + "\n";
  return out;
}

std::string repaired(const Diagnosis& diagnosis, const std::vector<std::string_view>& pieces) {
  std::string out;
  MessageRepairer repairer(diagnosis.repair(), [&](std::string_view octets) { out += octets; });
  for (const auto piece : pieces) repairer.feed(piece);
  repairer.finish();
  return out;
}

struct DoctorCase {
  const char* name;
  std::string message, findings, repaired;
};
void PrintTo(const DoctorCase& row, std::ostream* out) { *out << row.name; }
class DiagnosisTest : public testing::TestWithParam<DoctorCase> {};

TEST_P(DiagnosisTest, IsTheSameInAnyCutsAndNothingIsLeftToRepair) {
  const auto& row = GetParam();
  for (const auto& pieces : any_cuts(row.message)) {
    Diagnosis diagnosis;
    for (const auto piece : pieces) diagnosis.feed(piece);
    diagnosis.finish();
    ASSERT_EQ(told(diagnosis), row.findings);
    const auto mended = repaired(diagnosis, pieces);
    ASSERT_EQ(mended, row.repaired);
    Diagnosis again;
    again.feed(mended);
    again.finish();
    for (const auto& finding : again.findings())
      ASSERT_FALSE(finding.repairable) << finding.problem << " " << finding.what;
  }
}

const std::string kMixed = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";

INSTANTIATE_TEST_SUITE_P(
    , DiagnosisTest,
    testing::Values(
        DoctorCase{"a_good_message_stays", "Subject: a\r\n\r\nhi\r\n", "", "Subject: a\r\n\r\nhi\r\n"},
        DoctorCase{"lines_of_unix_stay", "Subject: a\n\nhi\n", "", "Subject: a\n\nhi\n"},
        DoctorCase{"mixed_line_ends", "Subject: a\r\n\nhi\nyou\r\n", "- bare_lf@12\n",
                   "Subject: a\r\n\r\nhi\r\nyou\r\n"},
        DoctorCase{"a_good_multipart_stays", kMixed + "pre\r\n--b\r\n\r\n1\r\n--b--\r\nepi", "",
                   kMixed + "pre\r\n--b\r\n\r\n1\r\n--b--\r\nepi"},
        DoctorCase{"no_closing_boundary", kMixed + "--b\r\n\r\n1\r\n", "0 closing_missing@55\n",
                   kMixed + "--b\r\n\r\n1\r\n\r\n--b--\r\n"},
        DoctorCase{"no_boundary_parameter", "Content-Type: multipart/mixed\r\n\r\n--x\r\n\r\n1\r\n--x--\r\n",
                   "0 boundary_missing@0\n",
                   "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n1\r\n--x--\r\n"},
        DoctorCase{"no_boundary_at_all", kMixed + "hi\r\n", "0 boundary_not_found@49!\n", kMixed + "hi\r\n"},
        DoctorCase{"broken_base64", "Content-Transfer-Encoding: base64\r\n\r\nQUJ!D\r\nRA",
                   "1 garbage_in_base64@40\n1 padding_missing@46\n",
                   "Content-Transfer-Encoding: base64\r\nMIME-Version: 1.0\r\n\r\nQUJDRA==\r\n"},
        DoctorCase{"broken_quoted_printable",
                   "MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=XYb\r\n",
                   "1 broken_escape@67\n",
                   "MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=3DXYb\r\n"},
        DoctorCase{"line_ends_of_what_is_no_text_stay_octets",
                   "MIME-Version: 1.0\r\nContent-Type: application/pdf\r\n"
                   "Content-Transfer-Encoding: quoted-printable\r\n\r\na=0Ab=XYc\r\n",
                   "1 broken_escape@102\n",
                   "MIME-Version: 1.0\r\nContent-Type: application/pdf\r\n"
                   "Content-Transfer-Encoding: quoted-printable\r\n\r\na=0Ab=3DXYc=0D=0A"},
        DoctorCase{"octets_without_labels", "Subject: a\n\nこんにちは、世界。\n",
                   "1 eight_bit_in_7bit@12\n1 no_charset@12\n",
                   "Subject: a\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: "
                   "8bit\nMIME-Version: 1.0\n\nこんにちは、世界。\n"},
        DoctorCase{"a_wrong_label",
                   "MIME-Version: 1.0\nContent-Type: text/html; charset=us-ascii; "
                   "x=y\nContent-Transfer-Encoding: 8bit\n\nこんにちは、世界。\n",
                   "1 wrong_charset@98\n",
                   "MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8; "
                   "x=y\nContent-Transfer-Encoding: 8bit\n\nこんにちは、世界。\n"},
        DoctorCase{"no_empty_line", "Subject: a\r\nhi you\r\n", "1 separator_missing@12\n",
                   "Subject: a\r\n\r\nhi you\r\n"},
        DoctorCase{"nul_and_cr", std::string("Subject: a\r\n\r\na\rb\0\r\n", 20),
                   "- bare_cr@15!\n- nul@17!\n", std::string("Subject: a\r\n\r\na\rb\0\r\n", 20)}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::mime
