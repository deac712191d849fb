#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hikyaku::probe {

/// One value of BER (X.690) with a tag of one octet.
struct Ber {
  std::uint8_t tag = 0;
  std::string_view content;
};

/// The size that the value at the front of `octets` has, with its head. 0: more octets must come to tell.
/// nullopt: it is none that LDAP has (RFC 4511 s. 5.1: no indefinite length), or longer than 4 GiB.
std::optional<std::size_t> ber_size(std::string_view octets);
/// Takes a whole value off the front; nothing where there is none.
std::optional<Ber> take_ber(std::string_view& octets);
/// The number of an INTEGER or ENUMERATED of at most 4 octets.
std::optional<std::int32_t> ber_number(std::string_view content);

std::string ber(std::uint8_t tag, std::string_view content);
std::string ber_integer(std::uint8_t tag, std::uint32_t value);

}  // namespace hikyaku::probe
