#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace hikyaku::mime {

/// What was wrong, and was read as it was meant.
enum class RepairKind : unsigned char {
  shift_state_carried,       ///< an ISO-2022-JP shift state ran over from one encoded word to the next
  no_return_to_ascii,        ///< ISO-2022-JP ended without its escape to ASCII
  character_split,           ///< a character's octets were split between two encoded words
  base64_padding,            ///< padding missing, too much, or in the middle
  base64_characters,         ///< octets in the base64 that do not belong there
  q_characters,              ///< spaces, 8-bit octets or a broken =XX in an encoded word's Q
  raw_octets,                ///< octets with the 8th bit (or escapes) outside of any encoded word
  wrong_label,               ///< the label's charset is not what the octets are in
  unknown_label,             ///< nobody knows the label
  lost_escape,               ///< ISO-2022-JP whose ESC octets were lost
  eight_bit_in_iso_2022_jp,  ///< 8-bit octets in text labelled ISO-2022-JP
  extended_characters,       ///< half-width kana or NEC and IBM characters under the label ISO-2022-JP
  missing_end,               ///< an encoded word without its "?="
  word_too_long,             ///< an encoded word over 75 octets (RFC 2047 s. 2)
  word_in_quoted_string,     ///< an encoded word inside a quoted string (RFC 2047 s. 5)
  word_folded,               ///< a line end or white space inside an encoded word
  word_not_separated,        ///< an encoded word that touches other text
  undecodable,               ///< octets that no reading helps: U+FFFD
  control_characters,        ///< control characters that came out of an encoded word were taken out
  word_in_parameter,         ///< an encoded word as a parameter's value instead of RFC 2231
  parameter_syntax,          ///< a parameter that is not quoted, not ended, empty, or not percent-encoded
  parameter_pieces,          ///< pieces of a parameter (RFC 2231 s. 3) out of order, missing or twice
  parameter_twice,           ///< the same parameter twice, or both as name and as name*
  not_a_field,               ///< a line in the header section that is no header field
};
/// "shift_state_carried": for JSON.
std::string_view repair_name(RepairKind kind);

struct Repair {
  RepairKind kind;
  std::size_t where = 0;  ///< offset in the value that was given, octets
  std::string what;       ///< "shift state carried over two encoded words; joined before decoding"
};

/// The repairs of one value: at most 100 are kept, the rest is counted.
struct Repairs {
  static constexpr std::size_t kKept = 100;
  std::vector<Repair> list{};
  std::size_t more = 0;
  void add(RepairKind kind, std::size_t where, std::string what);
  void add(Repairs others);
  bool empty() const { return list.empty(); }
};

}  // namespace hikyaku::mime
