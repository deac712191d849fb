#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace hikyaku::mail {

/// Appends `octets` as xtext (RFC 3461 s. 4): all but the octets "!" to "~" without "+" and "=" become +HH.
void put_xtext(std::string& out, std::string_view octets);
std::string xtext_encode(std::string_view octets);

/// Reads xtext strictly: upper-case hex digits, no octet that should have been encoded. Octets over 127 are
/// taken as they are (RFC 6533 s. 3 lets them stand under SMTPUTF8). Empty when malformed.
std::optional<std::string> xtext_decode(std::string_view text);

}  // namespace hikyaku::mail
