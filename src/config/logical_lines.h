#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"
#include "config/expand.h"

namespace hikyaku::config {

inline constexpr std::size_t kLongestFile = 1024 * 1024;

/// The logical lines of main.cf or master.cf (postconf(5)): a line that begins with white space continues the
/// one before it; empty lines and lines whose first character but white space is # are skipped, and do not
/// end a logical line. Line ends are LF or CRLF. Every octet knows its place. `file` is the number in the
/// SourceCatalogue. A text longer than kLongestFile and a NUL octet are errors; a first line that continues
/// nothing is a warning. The text is kept in `diagnostics` as the source of `file`.
std::vector<SourceText> logical_lines(std::string_view text, std::uint32_t file, Diagnostics& diagnostics);

inline constexpr std::string_view kWhiteSpace = " \t\r\n\v\f";

}  // namespace hikyaku::config
