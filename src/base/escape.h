#pragma once
#include <string>
#include <string_view>

namespace hikyaku {

/// `text` made safe for one line of a log, a reply or a terminal: control octets (also DEL and C1 in UTF-8),
/// octets that are not UTF-8, and the backslash become \xHH. At most `limit` octets of `text` are used, the
/// rest is told as "...".
std::string escaped(std::string_view text, std::size_t limit = 1000);

}  // namespace hikyaku
