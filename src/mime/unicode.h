#pragma once
#include <string>
#include <string_view>

namespace hikyaku::mime {

inline constexpr char32_t kReplacement = 0xfffd;

/// Appends `character` in UTF-8. Surrogates and what is beyond U+10FFFF become U+FFFD.
void put_utf8(std::string& out, char32_t character);

/// Takes the first character off `text`, which is not empty and begins with a whole one (utf8_length() > 0).
char32_t take_utf8(std::string_view& text);

/// The octets of ASCII, and of well-formed UTF-8, that `text` begins with.
std::size_t ascii_run(std::string_view text);
std::size_t utf8_run(std::string_view text);

/// How many octets at the end of `text` begin a UTF-8 character that more octets may complete: 0..3.
std::size_t utf8_begun(std::string_view text);

}  // namespace hikyaku::mime
