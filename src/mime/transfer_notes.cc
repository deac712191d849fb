#include "mime/transfer_notes.h"

#include <array>

namespace hikyaku::mime {
namespace {

struct Words {
  std::string_view word, text;
};
constexpr std::array<Words, kTransferFaults> kWords{{
    {"unknown_encoding", "an encoding that nobody knows; the body was taken as it stands"},
    {"eight_bit_in_7bit", "octets above 127 in a body that is labelled 7bit, or not labelled"},
    {"broken_escape", "'=' without two hexadecimal digits behind it; kept as it stands"},
    {"lower_case_hex", "lower-case hexadecimal digits behind '='; read as they were meant"},
    {"trailing_blanks", "white space at the end of a line of quoted-printable; taken out"},
    {"eight_bit_in_quoted", "octets above 127 in quoted-printable; kept"},
    {"ended_in_soft_break", "quoted-printable ends in '='; taken out"},
    {"garbage_in_base64", "octets that are no base64; left out"},
    {"padding_in_base64", "'=' in the middle of base64: pieces that were encoded one by one; joined"},
    {"padding_missing", "base64 without the '=' at its end; decoded"},
    {"base64_cut", "base64 was cut: its last digit says nothing; left out"},
    {"unused_bits", "the last digit of base64 has bits that belong to no octet; ignored"},
    {"uu_not_ended", "uuencode without its line 'end'"},
    {"uu_not_found", "no uuencode with a line 'begin'; the body was taken as it stands"},
    {"yenc_not_ended", "yEnc without its line =yend"},
    {"yenc_not_found", "no yEnc with a line =ybegin; the body was taken as it stands"},
    {"yenc_size", "yEnc: not as many octets as its lines tell"},
    {"yenc_checksum", "yEnc: the CRC-32 is not the one that its lines tell"},
    {"yenc_escape", "yEnc: '=' at the end of a line; left out"},
    {"text_around_file", "text around the file that the body is; left out"},
    {"more_files", "more than one file in a body that is one; all but the first left out"},
}};

}  // namespace

std::string_view word(TransferFault fault) { return kWords.at(static_cast<std::size_t>(fault)).word; }
std::string_view text(TransferFault fault) { return kWords.at(static_cast<std::size_t>(fault)).text; }

}  // namespace hikyaku::mime
