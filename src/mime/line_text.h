#pragma once
#include <string_view>

namespace hikyaku::mime {

/// A line without its CRLF, LF or CR.
std::string_view without_line_end(std::string_view line);

/// The line, of a boundary whatever stands in front of it, closes the multipart of `boundary` (RFC 2046 s.
/// 5.1.1). Blanks behind it are ignored.
bool closes(std::string_view line, std::string_view boundary);

}  // namespace hikyaku::mime
