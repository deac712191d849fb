#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hikyaku {

/// Appends `value` in LEB128: seven bits an octet, lowest first, the high bit set on all but the last.
void put_varint(std::string& out, std::uint64_t value);
/// Takes one number off the front of `in`; empty when it is cut or longer than 64 bits.
std::optional<std::uint64_t> take_varint(std::string_view& in);

/// Appends the length of `text` and its octets.
void put_text(std::string& out, std::string_view text);
/// Takes one length-prefixed text off the front of `in`; the view points into it. Empty when it is cut.
std::optional<std::string_view> take_text(std::string_view& in);

}  // namespace hikyaku
