#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace hikyaku::mime {

/// The name in "begin 644 name" (POSIX uuencode), without its line end. nullopt: it is no such line.
std::optional<std::string_view> uuencode_begin(std::string_view line);

enum class UuencodeLine : unsigned char {
  data,
  last,  ///< the line of no octets, in front of "end"; or "end" itself
  none,  ///< no line of uuencode
};
/// Appends what a line, without its line end, says. Lines that lost the blanks at their end are read as if
/// they were there; one octet too many at the end (a checksum of old encoders) is ignored.
UuencodeLine decode_uuencode_line(std::string_view line, std::string& out);

}  // namespace hikyaku::mime
