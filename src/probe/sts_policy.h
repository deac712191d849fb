#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hikyaku::probe {

/// A policy of MTA-STS (RFC 8461 s. 3.2).
struct StsPolicy {
  static constexpr std::size_t kMost = std::size_t{64} << 10;  ///< octets of its text
  enum class Mode : unsigned char { enforce, testing, none };
  Mode mode = Mode::none;
  std::vector<std::string> hosts;  ///< "mx.example.com", "*.example.net"
  std::uint64_t max_age = 0;       ///< seconds

  /// Fault::malformed: it is none, with the line that is wrong. Pure.
  static Result<StsPolicy> parse(std::string_view text);
  /// Whether the host is one of those that may take the mail.
  bool names(std::string_view host) const;
};

/// Whether a TXT record is one of MTA-STS, with or without an id.
bool announces_sts(std::string_view record);
/// Whether one of the TXT records of _mta-sts.DOMAIN announces a policy: its id; empty: there is none, or
/// more than one, which counts as none (RFC 8461 s. 3.1).
std::string sts_identifier(const std::vector<std::string>& records);

/// Whether a name of a certificate or of a policy, perhaps with a wildcard for its whole first label, fits a
/// host (RFC 9525 s. 6.3). ASCII, that is A-labels; upper and lower case are one.
bool name_fits(std::string_view pattern, std::string_view host);

}  // namespace hikyaku::probe
