#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace hikyaku::store {

/// The line that stands before each message of an mbox file (RFC 4155 appendix A): the envelope sender, and
/// when the message came, in UTC.
struct FromLine {
  static constexpr std::size_t kLongest = 1024;  ///< octets, without the line end

  std::string sender;  ///< as it stands there; empty: MAILER-DAEMON, "-", or none
  Time date{};

  /// Reads "From joe@example.org Tue Nov 24 23:48:20 2026", without its line end. A zone may stand before or
  /// behind the year ("+0900", "JST" is not known and taken for UTC), the seconds may be missing, and
  /// "remote from HOST" may end it. nullopt: it is none, but text that begins with "From ". Pure; O(size).
  static std::optional<FromLine> parse(std::string_view line);
  /// With asctime's date and no line end; blanks of the sender become '-'.
  std::string text() const;
};

}  // namespace hikyaku::store
