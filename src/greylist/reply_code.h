#pragma once
#include <string_view>

namespace hikyaku::greylist {

/// Whether it is the code of a reply that puts off or refuses: "451", "551" (RFC 5321 s. 4.2.1).
bool is_reply_code(std::string_view text);
/// "4.7.1" (RFC 3463 s. 2), of class 4 or 5.
bool is_enhanced_code(std::string_view text);

}  // namespace hikyaku::greylist
