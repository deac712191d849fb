#pragma once
#include <string>
#include <string_view>

namespace hikyaku::probe {

/// A header line whose value is made fit for RFC 5322: runs of words that are not ASCII become encoded words
/// (RFC 2047) in UTF-8 and base64, each at most 75 octets long, with the quotes of a phrase left out. ASCII,
/// and what is no UTF-8, stays as it is. Pure; O(size).
std::string encoded_header(std::string_view line);

/// `; name="x"` for a header as Content-Type: quoted, and RFC 2231's form for what is not ASCII. Control
/// octets become '_'. Pure; O(size).
std::string header_parameter(std::string_view name, std::string_view value);

/// Every octet is below 128.
bool is_ascii(std::string_view text);
/// All of it is well-formed UTF-8.
bool is_utf8(std::string_view text);

}  // namespace hikyaku::probe
