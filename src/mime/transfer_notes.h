#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace hikyaku::mime {

/// What a decoder of a body met that should not be there, and what it did about it.
enum class TransferFault : unsigned char {
  unknown_encoding,   ///< nobody knows its name: the body was taken as it stands
  eight_bit_in_7bit,  ///< octets above 127 in a body labelled 7bit, or not labelled
  broken_escape,      ///< quoted-printable: "=" that no two hexadecimal digits follow; kept as it stands
  lower_case_hex,     ///< quoted-printable: "=c3"; read as it was meant
  trailing_blanks,    ///< quoted-printable: white space at the end of a line; taken out (RFC 2045 s. 6.7 rule
                      ///< 3)
  eight_bit_in_quoted,  ///< quoted-printable: octets above 127; kept
  ended_in_soft_break,  ///< quoted-printable: "=" is the last octet; taken out
  garbage_in_base64,    ///< octets that are no base64; left out
  padding_in_base64,    ///< "=" in the middle: pieces that were encoded one by one; joined
  padding_missing,      ///< base64 ends without its "="; decoded
  base64_cut,           ///< base64 ends with a single digit, which says nothing
  unused_bits,          ///< base64: the last digit has bits that belong to no octet; ignored
  uu_not_ended,         ///< uuencode without its "end" line
  uu_not_found,         ///< x-uuencode without a "begin" line: the body was taken as it stands
  yenc_not_ended,       ///< yEnc without its =yend line
  yenc_not_found,       ///< yEnc without a =ybegin line: the body was taken as it stands
  yenc_size,            ///< yEnc: not as many octets as its lines tell
  yenc_checksum,        ///< yEnc: the CRC-32 is another
  yenc_escape,          ///< yEnc: "=" at the end of a line; left out
  text_around_file,     ///< x-uuencode, x-yenc: text in front of the file or behind it; left out
  more_files,           ///< x-uuencode, x-yenc: another file behind the first; left out
};
inline constexpr std::size_t kTransferFaults = 21;
/// "broken_escape": for JSON.
std::string_view word(TransferFault fault);
/// "'=' without two hexadecimal digits behind it; kept as it stands"
std::string_view text(TransferFault fault);

/// The faults of one body: of each kind the first place and how many.
class TransferNotes {
 public:
  struct Note {
    TransferFault fault;
    std::uint64_t offset;  ///< octets of the body as it stands in the message, from its begin
    std::uint64_t count;
  };
  void add(TransferFault fault, std::uint64_t offset, std::uint64_t count = 1) {
    for (auto& note : notes_)
      if (note.fault == fault) {
        note.count += count;
        return;
      }
    notes_.push_back({fault, offset, count});
  }
  /// In the order in which they were met.
  const std::vector<Note>& all() const { return notes_; }
  bool empty() const { return notes_.empty(); }
  const Note* find(TransferFault fault) const {
    for (const auto& note : notes_)
      if (note.fault == fault) return &note;
    return nullptr;
  }

 private:
  std::vector<Note> notes_;
};

}  // namespace hikyaku::mime
