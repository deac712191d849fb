#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::table {

// What lookup servers say: socketmap_table(5) and tcp_table(5). All pure.

/// Octets that a reply may have (without its frame): socketmap and tcp.
inline constexpr std::size_t kSocketmapReplyLimit = 100000;
inline constexpr std::size_t kTcpReplyLimit = 4096;

/// "12:name the key,"
std::string netstring(std::string_view text);
/// The netstring at the beginning of `octets`; nullopt: more must be read. Fails with Fault::malformed on
/// octets that no netstring begins with, and on one longer than `limit`.
Result<std::optional<std::string_view>> read_netstring(std::string_view octets, std::size_t limit);

/// "OK data", "NOTFOUND ": the value, or nullopt. TEMP, TIMEOUT, PERM, and what is none of these, are
/// Fault::temporary with the server's words: mail that needs the answer waits.
Result<std::optional<std::string>> read_socketmap_reply(std::string_view reply);

/// "get joe@example.com\n", with %XX for what is not printable, for spaces and for '%'.
std::string tcp_request(std::string_view key);
/// "200 value", "500 text" (not found), "400 text": as read_socketmap_reply(). `line` has no line end.
Result<std::optional<std::string>> read_tcp_reply(std::string_view line);

}  // namespace hikyaku::table
