#pragma once
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "io/resolver.h"
#include "route/destination_search.h"
#include "route/next_hop.h"
#include "serve/delivery_result.h"
#include "serve/running.h"

namespace hikyaku::serve {

/// Where a connection may go: a port of a host, or a UNIX-domain socket.
struct Server {
  route::Target target;
  std::string path;  ///< of the socket; empty: `target` it is

  /// The name of the host there; a socket is on this one, `hostname`.
  const std::string& host(const std::string& hostname) const { return path.empty() ? target.host : hostname; }
  /// As the log names it: "mx.example[192.0.2.1]:25", "hostname[/path]".
  std::string relay(const std::string& hostname) const;
};

/// Why a server, or all of a next hop, can't be used.
struct ServerRefusal {
  DeliveryResult result;
  bool permanent = false;   ///< no other server is to be tried
  bool tls_failed = false;  ///< the handshake, with nothing sent yet but EHLO
};

/// The servers of one next hop in the order in which Postfix tries them: those of each host or domain that
/// the next hop names, and behind them smtp_fallback_relay. Each is looked up when its turn comes, and not
/// before. At most smtp_mx_address_limit addresses and smtp_mx_session_limit sessions for each of the names.
/// For one delivery; not thread-safe; `transport` and the rest must outlive it.
class ServerSearch {
 public:
  ServerSearch(io::Resolver& resolver, Random& random, const Transport& transport, std::string next_hop);

  /// The next to try; none when all were tried, or none can be: see failure().
  boost::asio::awaitable<std::optional<Server>> next();
  /// The server that next() gave last was talked to.
  void session_opened();
  /// Of the last name that had no server to try.
  const std::optional<ServerRefusal>& failure() const { return failure_; }

 private:
  boost::asio::awaitable<void> look_up(const route::NextHop& hop);

  io::Resolver& resolver_;
  Random& random_;
  const Transport& transport_;
  std::vector<route::NextHop> hops_;
  std::size_t next_hop_ = 0;
  std::vector<route::Target> targets_;
  std::size_t next_target_ = 0;
  unsigned sessions_ = 0;
  std::optional<ServerRefusal> failure_;
};

}  // namespace hikyaku::serve
