#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "io/deadline.h"
#include "io/tls_facts.h"

namespace hikyaku::io {

class TlsServer;
class TlsClient;
struct TlsPeer;

/// One connection, in plain text or under TLS: over TCP or a Unix socket, for the coroutines of one
/// io_context. Each call first tries the system call and waits only when it would block. OpenSSL works right
/// on the descriptor, and a connection that waits holds no buffer.
///
/// One read and one write at a time. Every wait ends at the deadline that set_deadline() set, with
/// Fault::temporary and "timed out waiting for WHAT". Not thread-safe.
class Stream {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;

  /// Takes over a connected socket and makes it non-blocking (TCP: without delay).
  Stream(Socket socket, DeadlineSweep& sweep);
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();

  /// Connects to an address: "192.0.2.1" or "2001:db8::1" with a port. Fails with Fault::not_found where
  /// nobody listens, else with Fault::temporary.
  static boost::asio::awaitable<Result<Stream>> connect_tcp(DeadlineSweep& sweep, std::string address,
                                                            std::uint16_t port, std::string bind_address,
                                                            std::chrono::seconds limit);
  static boost::asio::awaitable<Result<Stream>> connect_unix(DeadlineSweep& sweep, std::string path,
                                                             std::chrono::seconds limit);

  void set_deadline(std::chrono::seconds limit, const char* what);

  /// Waits until there is something to read, without setting memory aside.
  boost::asio::awaitable<Result<void>> wait_readable();
  /// There is something to read, or the end, without waiting.
  bool has_input() const;
  /// At least one octet, or 0 at the end of the stream.
  boost::asio::awaitable<Result<std::size_t>> read_some(std::span<char> room);
  /// All of it, or an error.
  boost::asio::awaitable<Result<void>> write_all(std::string_view octets);
  /// So many octets from the front as go without waiting, which may be none. Not under TLS.
  Result<std::size_t> write_now(std::string_view octets);

  /// The handshake. What was read before it must be dropped by the caller, for anybody may have sent it (RFC
  /// 3207 s. 6). OpenSSL writes by itself: the program must ignore SIGPIPE.
  boost::asio::awaitable<Result<void>> accept_tls(TlsServer& server);
  boost::asio::awaitable<Result<void>> connect_tls(TlsClient& client, const TlsPeer& peer);
  const std::optional<TlsFacts>& tls() const { return facts_; }
  /// Octets that this TLS connection has alone, the same at both ends (tls-exporter, RFC 9266); empty without
  /// TLS 1.3.
  std::string channel_binding() const;

  /// Ends TLS politely, if it can be done without waiting, and closes.
  boost::asio::awaitable<void> close();
  /// Closes at once.
  void abort();

  /// "192.0.2.7", without brackets; empty for a Unix socket. An IPv4-mapped address is told as IPv4.
  std::string peer_address() const;
  std::uint16_t peer_port() const;
  std::string local_address() const;
  std::uint16_t local_port() const;

 private:
  struct State;
  boost::asio::awaitable<Result<void>> wait(bool to_write);
  boost::asio::awaitable<Result<void>> handshake();
  Error last_error(const char* doing) const;

  std::unique_ptr<State> state_;
  std::optional<TlsFacts> facts_;
};

}  // namespace hikyaku::io
