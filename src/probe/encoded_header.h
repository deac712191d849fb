#pragma once
#include <string>
#include <string_view>

namespace hikyaku::probe {

/// A header line whose value is made fit for RFC 5322, with line ends "\n": what is not ASCII, in UTF-8, and
/// may be encoded at all becomes encoded words (mime::encode_header_field). ASCII, what is no UTF-8, and what
/// is no field stays as it is. Pure; O(size).
std::string encoded_header(std::string_view line);

/// Appends `; name="value"` to a field as Content-Type, with control octets as '_'; a value that is not ASCII
/// as mime::put_parameter has it, with line ends "\n".
void put_header_parameter(std::string& field, std::string_view name, std::string_view value);

/// Every octet is below 128.
bool is_ascii(std::string_view text);
/// All of it is well-formed UTF-8.
bool is_utf8(std::string_view text);

}  // namespace hikyaku::probe
