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
  /// Reads it as Postfix writes it: "inet:host:port", "inet:[::1]:port", "unix:path" and "local:path". Fails
  /// with Fault::malformed, saying what to write.
  static Result<Endpoint> parse(std::string_view text);
  /// "inet:mx.example:8891", "inet:[::1]:8891", "unix:/run/filter": parses back to the same.
  std::string text() const;
  bool operator==(const Endpoint&) const = default;
};

}  // namespace hikyaku::milter
