#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace hikyaku::store {

/// Names in IMAP's modified UTF-7 (RFC 3501 s. 5.1.3), which Maildir++ folders have. `utf8` is well-formed.
/// Pure; O(size).
std::string modified_utf7(std::string_view utf8);
/// nullopt: it is none, nor plain ASCII.
std::optional<std::string> from_modified_utf7(std::string_view text);

}  // namespace hikyaku::store
