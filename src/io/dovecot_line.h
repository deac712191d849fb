#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace hikyaku::io {

/// A mechanism that a Dovecot offers.
struct DovecotMechanism {
  std::string name;  ///< as it came, at most 20 octets of A-Z 0-9 - _
  bool plaintext = false, anonymous = false, dictionary = false, active = false, forward_secrecy = false,
       mutual_auth = false;
  bool operator==(const DovecotMechanism&) const = default;
};

/// One line from a Dovecot's authentication server (its auth-protocol 1.x): words and parameters separated by
/// tabs, in which octet 1 escapes NUL, octet 1, tab, CR and LF.
struct DovecotLine {
  struct Version {
    std::uint32_t major = 0, minor = 0;
  };
  struct Mechanism {
    DovecotMechanism offered;
  };
  struct Done {};  ///< the end of its greeting
  struct Continue {
    std::uint32_t id = 0;
    std::string octets;
  };
  struct Ok {
    std::uint32_t id = 0;
    std::string user;
  };
  struct Fail {
    std::uint32_t id = 0;
    std::string user, reason;
    bool temporary = false;
  };
  struct Other {};  ///< what concerns us not: SPID, CUID, COOKIE, and words of versions to come
};
using DovecotReply =
    std::variant<DovecotLine::Version, DovecotLine::Mechanism, DovecotLine::Done, DovecotLine::Continue,
                 DovecotLine::Ok, DovecotLine::Fail, DovecotLine::Other>;

constexpr std::size_t kMostDovecotLine = 16384;  ///< octets

/// Reads a line without its LF. Fails with Fault::malformed. Pure.
Result<DovecotReply> parse_dovecot_line(std::string_view line);

/// `text` as a parameter's value.
std::string dovecot_escaped(std::string_view text);
/// The reverse; an escape that there is not keeps its second octet. Pure.
std::string dovecot_unescaped(std::string_view text);

}  // namespace hikyaku::io
