#pragma once
#include <string>
#include <string_view>

namespace hikyaku::mime {

/// The header section with the first field of that name replaced by `field` (with its name, without its last
/// line end), or with `field` behind the others where there is none. Lines that it writes end as `line_end`.
/// Pure.
std::string with_field(std::string_view section, std::string_view name, std::string_view field,
                       std::string_view line_end);

/// A Content-Type field, "Content-Type: text/plain; charset=utf-8", of what `section` says (text/plain where
/// it says nothing), with the parameter `name` set to `value` (UTF-8). Folded by CRLF. Pure.
std::string content_type_with(std::string_view section, std::string_view name, std::string_view value);

}  // namespace hikyaku::mime
