#include "mime/attach.h"

#include <gtest/gtest.h>

#include "mime/any_cuts_for_tests.h"

namespace hikyaku::mime {
namespace {

struct AttachCase {
  const char* name;
  std::string_view in, out;
};
void PrintTo(const AttachCase& row, std::ostream* out) { *out << row.name; }
class AttachTest : public testing::TestWithParam<AttachCase> {};

TEST_P(AttachTest, AddsAPartInAnyCuts) {
  for (const auto& pieces : any_cuts(GetParam().in)) {
    std::string out;
    Attacher attacher(
        {.out = [&](std::string_view octets) { out += octets; },
         .attachments = [&](const std::string& begin, std::string_view) { out += begin + "FILE"; }},
        "new");
    for (const auto piece : pieces) attacher.feed(piece);
    attacher.finish();
    ASSERT_EQ(out, GetParam().out);
  }
}

INSTANTIATE_TEST_SUITE_P(
    , AttachTest,
    testing::Values(
        AttachCase{"to_a_plain_message", "A: b\r\nContent-Type: text/html\r\nB: c\r\n\r\nhi\r\n",
                   "A: b\r\nB: c\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; "
                   "boundary=\"new\"\r\n\r\n--new\r\n"
                   "Content-Type: text/html\r\n\r\nhi\r\n\r\n--new\r\nFILE\r\n--new--\r\n"},
        AttachCase{"to_lines_that_end_in_lf", "MIME-Version: 1.0\nContent-Transfer-Encoding: 8bit\n\nhi\n",
                   "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"new\"\n"
                   "Content-Transfer-Encoding: 8bit\n\n--new\nContent-Transfer-Encoding: "
                   "8bit\n\nhi\n\n--new\nFILE\n--new--\n"},
        AttachCase{
            "to_a_multipart",
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b--\r\nepi",
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b\r\nFILE\r\n--b--\r\nepi"},
        AttachCase{"to_a_multipart_that_is_not_closed",
                   "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhi\n",
                   "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhi\n\n--b\nFILE\n--b--\n"},
        AttachCase{
            "to_an_alternative", "Content-Type: multipart/alternative; boundary=b\n\n--b\n\nhi\n--b--\n",
            "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"new\"\n\n--new\n"
            "Content-Type: multipart/alternative; boundary=b\n\n--b\n\nhi\n--b--\n\n--new\nFILE\n--new--\n"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::mime
