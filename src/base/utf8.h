#pragma once
#include <cstddef>
#include <string_view>

namespace hikyaku {

/// The octets of the well-formed UTF-8 character that begins `text` (RFC 3629 s. 4); 0 where there is none.
/// `text` is not empty. Pure.
std::size_t utf8_length(std::string_view text);

}  // namespace hikyaku
