#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace hikyaku::io {

/// The code of `text` under `key` (RFC 2104) by OpenSSL; `hash` is one of its names, "SHA256". nullopt: it
/// does not have that hash, or may not use it.
std::optional<std::string> hmac(std::string_view hash, std::string_view key, std::string_view text);

}  // namespace hikyaku::io
