#include "mime/transfer_decoder.h"

#include <gtest/gtest.h>

#include "mime/any_cuts_for_tests.h"

namespace hikyaku::mime {
namespace {

struct DecoderCase {
  const char* name;
  TransferEncoding encoding;
  std::string in, out;
  std::string notes;  // "broken_escape@3*2"
};
void PrintTo(const DecoderCase& row, std::ostream* out) { *out << row.name; }
class TransferDecoderTest : public testing::TestWithParam<DecoderCase> {};

std::string told(const TransferNotes& notes) {
  std::string out;
  for (const auto& note : notes.all()) {
    if (!out.empty()) out += ' ';
    out +=
        std::string(word(note.fault)) + "@" + std::to_string(note.offset) + "*" + std::to_string(note.count);
  }
  return out;
}

TEST_P(TransferDecoderTest, DecodesTheSameInAnyCuts) {
  const auto& row = GetParam();
  for (const auto& pieces : any_cuts(row.in)) {
    const auto decoder = make_transfer_decoder(row.encoding);
    std::string out;
    for (const auto piece : pieces) decoder->feed(piece, out);
    decoder->finish(out);
    ASSERT_EQ(out, row.out) << pieces.size() << " pieces";
    // Runs of octets that are noted together are counted as they came.
    if (pieces.size() == 1) {
      ASSERT_EQ(told(decoder->notes()), row.notes);
    }
    ASSERT_EQ(decoder->notes().empty(), row.notes.empty());
    if (!row.notes.empty()) {
      ASSERT_EQ(decoder->notes().all()[0].offset, std::stoull(row.notes.substr(row.notes.find('@') + 1)));
    }
  }
}

constexpr auto kQuoted = TransferEncoding::quoted_printable;
constexpr auto kBase64 = TransferEncoding::base64;
constexpr auto kUu = TransferEncoding::uuencode;
constexpr auto kYenc = TransferEncoding::yenc;
const std::string kLongBlanks(3000, ' ');
const std::string kUuCat = "begin 644 a\n#0V%T\n`\nend\n";
const std::string kLateText = std::string(70'000, 'x') + '\n';

INSTANTIATE_TEST_SUITE_P(
    QuotedPrintable, TransferDecoderTest,
    testing::Values(
        DecoderCase{"plain", kQuoted, "a=3Db\r\nc\n", "a=b\r\nc\n", ""},
        DecoderCase{"octets", kQuoted, "=E3=81=82=00=0D=0A", {"\xe3\x81\x82\0\r\n", 6}, ""},
        DecoderCase{"soft_breaks", kQuoted, "a=\r\nb=\nc =\r\nd", "abc d", ""},
        DecoderCase{"blanks_behind_a_soft_break", kQuoted, "a= \t\r\nb", "ab", "trailing_blanks@2*1"},
        DecoderCase{"blanks_at_the_end_of_a_line", kQuoted, "a b \t\r\nc \nd ", "a b\r\nc\nd",
                    "trailing_blanks@3*3"},
        DecoderCase{"a_blank_that_is_meant", kQuoted, "a=20\r\n", "a \r\n", ""},
        DecoderCase{"lower_case", kQuoted, "=e3=81=8a", "\xe3\x81\x8a", "lower_case_hex@0*2"},
        DecoderCase{"a_broken_escape_is_kept", kQuoted, "a=XY=4=G", "a=XY=4=G", "broken_escape@1*3"},
        DecoderCase{"an_escape_that_is_cut", kQuoted, "a=4", "a=4", "broken_escape@1*1"},
        DecoderCase{"a_url", kQuoted, "http://a/?q=zz\r\n", "http://a/?q=zz\r\n", "broken_escape@11*1"},
        DecoderCase{"ends_in_a_soft_break", kQuoted, "a=", "a", "ended_in_soft_break@1*1"},
        DecoderCase{"ends_in_a_soft_break_and_a_return", kQuoted, "a=\r", "a", "ended_in_soft_break@1*1"},
        DecoderCase{"octets_above_127", kQuoted, "\xe3\x81=82", "\xe3\x81\x82", "eight_bit_in_quoted@0*1"},
        DecoderCase{"the_first_octet_above_127", kQuoted, "ab\xe3\xe3 =\n", "ab\xe3\xe3 ",
                    "eight_bit_in_quoted@2*1"},
        DecoderCase{"a_return_alone", kQuoted, "a\rb\r", "a\rb\r", ""},
        DecoderCase{"more_blanks_than_are_held", kQuoted, kLongBlanks + "x", kLongBlanks + "x", ""}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Base64, TransferDecoderTest,
    testing::Values(
        DecoderCase{"plain", kBase64, "QUJD\r\nRA==\r\n", "ABCD", ""},
        DecoderCase{"garbage_is_left_out", kBase64,
                    "QU!J\x80"
                    "D\r\n",
                    "ABC", "garbage_in_base64@2*2"},
        DecoderCase{"blanks_are_garbage", kBase64, "QUJD RA==", "ABCD", "garbage_in_base64@4*1"},
        DecoderCase{"pieces_with_padding", kBase64, "QQ==\r\nQkM=\r\nRA==", "ABCD", "padding_in_base64@6*2"},
        DecoderCase{"bits_of_no_octet", kBase64, "QUJDRB==", "ABCD", "unused_bits@5*1"},
        DecoderCase{"without_padding", kBase64, "QUJDRA", "ABCD", "padding_missing@6*1"},
        DecoderCase{"cut_behind_one_digit", kBase64, "QUJDR", "ABC", "base64_cut@5*1"},
        DecoderCase{"one_digit_before_padding", kBase64, "QUJDR=QUJD", "ABCABC", "base64_cut@5*1"},
        DecoderCase{"nothing", kBase64, "", "", ""}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Identity, TransferDecoderTest,
    testing::Values(DecoderCase{"seven_bit", TransferEncoding::seven_bit, "a\r\n", "a\r\n", ""},
                    DecoderCase{"octets_above_127_in_seven_bit", TransferEncoding::seven_bit,
                                "abcdefghijk\xff\xfe", "abcdefghijk\xff\xfe", "eight_bit_in_7bit@11*2"},
                    DecoderCase{"eight_bit", TransferEncoding::eight_bit, "\xff", "\xff", ""},
                    DecoderCase{"unknown", TransferEncoding::unknown, "=41", "=41", "unknown_encoding@0*1"}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Uuencode, TransferDecoderTest,
    testing::Values(
        DecoderCase{"plain", kUu, "begin 644 a b.txt\n#0V%T\n`\nend\n", "Cat", ""},
        DecoderCase{"text_around_is_not_of_it", kUu, "hi\nbegin 644 a\n#0V%T\n`\nend\nbye\n", "Cat",
                    "text_around_file@0*2"},
        DecoderCase{"text_behind", kUu, "begin 644 a\n#0V%T\n`\nend\nbye\nand more\n", "Cat",
                    "text_around_file@24*1"},
        DecoderCase{"empty_lines_around", kUu, "\r\n\r\nbegin 644 a\n#0V%T\n`\nend\n\r\n \n", "Cat", ""},
        DecoderCase{"a_second_file_is_not_of_the_first", kUu, kUuCat + kUuCat, "Cat", "more_files@24*1"},
        DecoderCase{"faults_of_a_second_file_are_its_own", kUu, kUuCat + "begin 644 b\n#0V%T\n", "Cat",
                    "more_files@24*1"},
        DecoderCase{"text_behind_a_file_that_did_not_end", kUu, "begin 644 a\n#0V%T\nhi!\n", "Cat",
                    "uu_not_ended@18*1 text_around_file@18*1"},
        DecoderCase{"no_file_begins_as_late_as_this", kUu, kLateText + kUuCat, kLateText + kUuCat,
                    "uu_not_found@0*1"},
        DecoderCase{"blanks_at_the_ends_were_lost", kUu, "begin 644 a\n#\n\nend\n", {"\0\0\0", 3}, ""},
        DecoderCase{"not_ended", kUu, "begin 644 a\n#0V%T\n", "Cat", "uu_not_ended@18*1"},
        DecoderCase{"no_file", kUu, "begin again\nhi\n", "begin again\nhi\n", "uu_not_found@0*1"}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Yenc, TransferDecoderTest,
    testing::Values(DecoderCase{"plain", kYenc,
                                "=ybegin line=128 size=3 name=a b\r\nmk~\r\n=yend size=3 crc32=08f90122\r\n",
                                "CAT", ""},
                    DecoderCase{"escapes",
                                kYenc,
                                "=ybegin line=128 size=4 name=a\n=}=n=\x40=J\n=yend size=4\n",
                                {"\x13\x04\xd6\xe0", 4},
                                ""},
                    DecoderCase{"another_checksum", kYenc,
                                "=ybegin line=128 size=3 name=a\nmk~\n=yend size=3 crc32=00000000\n", "CAT",
                                "yenc_checksum@35*1"},
                    DecoderCase{"another_size", kYenc, "=ybegin line=128 size=4 name=a\nmk~\n=yend size=4\n",
                                "CAT", "yenc_size@35*1"},
                    DecoderCase{"a_part", kYenc,
                                "=ybegin part=2 total=2 line=128 size=9 name=a\n=ypart begin=7 "
                                "end=9\nmk~\n=yend size=3 part=2 pcrc32=08f90122\n",
                                "CAT", ""},
                    DecoderCase{"not_ended", kYenc, "=ybegin line=128 size=3 name=a\nmk~\n", "CAT",
                                "yenc_not_ended@35*1"},
                    DecoderCase{"no_file", kYenc, "=ybegin\nhi", "=ybegin\nhi", "yenc_not_found@0*1"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::mime
