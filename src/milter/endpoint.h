#pragma once
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::milter {

/// Where a filter listens.
struct Endpoint {
  std::string path;     ///< of a Unix socket, relative ones as they were written; or:
  std::string host;     ///< a name or an address, without brackets
  std::string service;  ///< a port from 1 to 65535, or its name in /etc/services

  bool local() const { return !path.empty(); }
  /// Reads it as Postfix does: "inet:host:port", "inet:port" and "inet::port" (localhost), "unix:path" and
  /// "local:path". A host is what stands before the last colon, with or without brackets: "::1", "[::1]",
  /// "[ipv6:::1]". Fails with Fault::malformed, saying what to write.
  static Result<Endpoint> parse(std::string_view text);
  /// "inet:mx.example:8891", "inet:[::1]:8891", "unix:/run/filter": parses back to the same.
  std::string text() const;
  bool operator==(const Endpoint&) const = default;
};

}  // namespace hikyaku::milter
