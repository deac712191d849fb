#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hikyaku::probe {

/// Requests of LDAP (RFC 4511) in BER. `number` is the message's, from 1.
std::string ldap_start_tls(std::uint32_t number);
std::string ldap_who_am_i(std::uint32_t number);  ///< RFC 4532
std::string ldap_unbind(std::uint32_t number);
/// Simple authentication, version 3.
std::string ldap_bind(std::uint32_t number, std::string_view name, std::string_view password);

struct LdapSearch {
  enum class Scope : std::uint8_t { base, one, sub };
  std::string base;
  Scope scope = Scope::sub;
  std::string filter = "(objectClass=*)";  ///< RFC 4515
  std::vector<std::string> attributes;     ///< none: all
  std::uint32_t most = 1000;               ///< entries that the server may send
};
/// Fault::malformed: the filter is none, or is nested deeper than 20.
Result<std::string> ldap_search(std::uint32_t number, const LdapSearch& search);

/// The number of the request that these octets end with; nothing where no answer comes: it is no whole
/// message, or one that has none (unbind, abandon).
std::optional<std::uint32_t> ldap_awaited(std::string_view octets);

/// A message of a server.
struct LdapMessage {
  static constexpr std::size_t kMost = std::size_t{1} << 20;  ///< octets; longer is malformed
  std::uint32_t number = 0;
  std::string name;                ///< "bindResponse"; "operation 30" for one that is not known
  bool last = true;                ///< nothing more comes to this request
  int code = -1;                   ///< its result code; -1: it has none
  std::vector<std::string> lines;  ///< what it says, for people; not escaped
  bool refused() const;
};
/// Takes one whole message off the front of `octets`; nothing when more must come first. Fault::malformed.
Result<std::optional<LdapMessage>> take_ldap_message(std::string& octets);

/// "invalidCredentials (49)"
std::string ldap_code_text(int code);

}  // namespace hikyaku::probe
