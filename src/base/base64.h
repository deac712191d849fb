#pragma once
#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

namespace hikyaku {

/// Appends `octets` in base64 (RFC 4648 s. 4): standard alphabet, padded, no line ends.
void put_base64(std::string& out, std::string_view octets);
std::string base64_encode(std::string_view octets);

/// Reads base64 strictly: the standard alphabet, padded to a multiple of four, the unused bits zero, nothing
/// before, between or behind. On failure the value is the offset of the first octet that does not belong
/// there (the size of `text` where octets are missing). Pure; O(size).
std::expected<std::string, std::size_t> base64_decode(std::string_view text);

}  // namespace hikyaku
