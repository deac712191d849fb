#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "mime/repair.h"

namespace hikyaku::mime {

/// Decodes a stretch of a header value, `base` octets into it: words, raw octets, folds. Blanks at the ends
/// stay.
std::string decode_stretch(std::string_view text, std::size_t base, Repairs& repairs);

/// `text` without control characters (a line end becomes a blank), each kind told once.
std::string without_controls(std::string text, std::size_t where, Repairs& repairs);

/// `text` without its line ends, tabs as blanks.
std::string unfolded(std::string_view text);
std::string_view trimmed(std::string_view text);
inline char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
inline bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace hikyaku::mime
