#pragma once
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "io/idle_connections.h"
#include "io/ldap_connection.h"

namespace hikyaku::io {

/// What a search found: how many entries, and each value of each of their attributes.
struct LdapFound {
  std::size_t entries = 0;
  std::vector<std::pair<std::string, std::string>> values;
};

/// The servers of one directory, asked by URLs (RFC 4516). Connections are kept for the next search. Blocks;
/// thread-safe.
class LdapDirectory {
 public:
  static constexpr int kMostEntries = 1000;
  static constexpr std::size_t kMostValues = 1000;  ///< what is beyond is left out

  /// Each server's `uris` is one URI; they are asked in their order.
  explicit LdapDirectory(std::vector<LdapServer> servers);

  /// Base, scope, filter and attributes of `url`; its host is not looked at. No such base: nothing is found.
  /// Fault::malformed: it is no LDAP URL. Fault::temporary: no server answered by then, or one refused.
  Result<LdapFound> search(const std::string& url, std::chrono::steady_clock::time_point until);

 private:
  struct Server {
    explicit Server(LdapServer one) : settings(std::move(one)) {}
    LdapServer settings;
    IdleConnections<LdapConnection> idle;
  };
  std::vector<std::unique_ptr<Server>> servers_;
};

}  // namespace hikyaku::io
