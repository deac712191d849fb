#include "io/stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <tuple>

#include "io/certificate.h"
#include "io/stream_state.h"
#include "io/thread_confinement.h"
#include "io/tls_client.h"
#include "io/tls_server.h"

namespace hikyaku::io {

namespace asio = boost::asio;

namespace {

constexpr auto kQuiet = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds kFullLinePause{10};
constexpr unsigned kReadsInARow = 16;

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

}  // namespace

struct Stream::State : DeadlineSweep::Watched {
  State(Socket connected, DeadlineSweep& the_sweep)
      : socket(std::move(connected)), watched(the_sweep.watched_) {
    place = watched->insert(watched->end(), this);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() override { watched->erase(place); }
  void expire() override {
    expired = true;
    boost::system::error_code ignored;
    socket.cancel(ignored);
  }

  Socket socket;
  std::shared_ptr<std::list<Watched*>> watched;
  std::unique_ptr<SSL, SslFree> ssl;
  const char* what = "the peer";
  std::chrono::seconds limit{0};
  /// The last read took all that there was: to try again at once would be in vain.
  bool drained = false;
  unsigned reads = 0;  ///< since the last wait
};

Stream::Stream(Socket socket, DeadlineSweep& sweep)
    : state_(std::make_unique<State>(std::move(socket), sweep)) {
  boost::system::error_code ignored;
  state_->socket.non_blocking(true, ignored);
  const int on = 1;
  ::setsockopt(state_->socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
Stream::~Stream() = default;

void Stream::set_deadline(std::chrono::seconds limit, const char* what) {
  state_->deadline = std::chrono::steady_clock::now() + limit;
  state_->expired = false;
  state_->limit = limit;
  state_->what = what;
}

Error Stream::last_error(const char* doing) const {
  if (state_->expired) {
    return {Fault::temporary,
            "timed out after " + std::to_string(state_->limit.count()) + " s waiting for " + state_->what};
  }
  const int code = errno;
  if (state_->ssl && ERR_peek_error() != 0) {
    auto text = std::string(doing) + ": " + openssl_reason();
    if (const auto verdict = SSL_get_verify_result(state_->ssl.get()); verdict != X509_V_OK) {
      text += std::string(": ") + X509_verify_cert_error_string(verdict);
    }
    return {Fault::temporary, std::move(text)};
  }
  return {Fault::temporary,
          std::string(doing) + ": " + (code == 0 ? "connection closed" : std::strerror(code))};
}

asio::awaitable<Result<void>> Stream::wait(bool to_write) {
  if (state_->expired) co_return std::unexpected(last_error("wait"));
  state_->reads = 0;
  const auto [error] = co_await state_->socket.async_wait(
      to_write ? asio::socket_base::wait_write : asio::socket_base::wait_read, kQuiet);
  if (error || state_->expired) {
    errno = error.value();
    co_return std::unexpected(last_error("wait"));
  }
  co_return Result<void>{};
}

bool Stream::has_input() const {
  if (state_->ssl && SSL_has_pending(state_->ssl.get()) == 1) return true;
  pollfd ready{state_->socket.native_handle(), POLLIN, 0};
  return ::poll(&ready, 1, 0) > 0;
}

asio::awaitable<Result<void>> Stream::wait_readable() {
  if (!std::exchange(state_->drained, false) && has_input()) co_return Result<void>{};
  state_->idle = true;
  auto waited = co_await wait(false);
  if (state_) state_->idle = false;
  co_return waited;
}

asio::awaitable<Result<std::size_t>> Stream::read_some(std::span<char> room) {
  // A peer that sends faster than it is read would keep the others of this thread waiting.
  if (++state_->reads > kReadsInARow) {
    state_->reads = 0;
    const auto executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::use_awaitable);
  }
  for (;;) {
    bool to_write = false;
    if (std::exchange(state_->drained, false)) {
      // Waits.
    } else if (state_->ssl) {
      ERR_clear_error();
      errno = 0;
      std::size_t got = 0;
      const int result = SSL_read_ex(state_->ssl.get(), room.data(), room.size(), &got);
      if (result == 1) co_return got;
      const int error = SSL_get_error(state_->ssl.get(), result);
      if (error == SSL_ERROR_ZERO_RETURN) co_return std::size_t{0};
      if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        co_return std::unexpected(last_error("TLS read"));
      to_write = error == SSL_ERROR_WANT_WRITE;
    } else {
      const auto got = ::recv(state_->socket.native_handle(), room.data(), room.size(), 0);
      if (got >= 0) {
        // Not the end of the stream, which is there as often as it is asked for.
        state_->drained = got > 0 && static_cast<std::size_t>(got) < room.size();
        co_return static_cast<std::size_t>(got);
      }
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) co_return std::unexpected(last_error("read"));
    }
    auto ready = co_await wait(to_write);
    if (!ready) co_return std::unexpected(std::move(ready.error()));
  }
}

asio::awaitable<Result<void>> Stream::write_all(std::string_view octets) {
  while (!octets.empty()) {
    bool to_write = true;
    if (state_->ssl) {
      ERR_clear_error();
      errno = 0;
      std::size_t sent = 0;
      const int result = SSL_write_ex(state_->ssl.get(), octets.data(), octets.size(), &sent);
      if (result == 1) {
        octets.remove_prefix(sent);
        continue;
      }
      const int error = SSL_get_error(state_->ssl.get(), result);
      if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        co_return std::unexpected(last_error("TLS write"));
      to_write = error == SSL_ERROR_WANT_WRITE;
    } else {
      const auto sent = ::send(state_->socket.native_handle(), octets.data(), octets.size(), MSG_NOSIGNAL);
      if (sent >= 0) {
        octets.remove_prefix(static_cast<std::size_t>(sent));
        continue;
      }
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) co_return std::unexpected(last_error("write"));
    }
    auto ready = co_await wait(to_write);
    if (!ready) co_return std::unexpected(std::move(ready.error()));
  }
  co_return Result<void>{};
}

Result<std::size_t> Stream::write_now(std::string_view octets) {
  std::size_t written = 0;
  while (written < octets.size()) {
    const auto sent = ::send(state_->socket.native_handle(), octets.data() + written, octets.size() - written,
                             MSG_NOSIGNAL);
    if (sent >= 0) {
      written += static_cast<std::size_t>(sent);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    } else if (errno != EINTR) {
      return std::unexpected(last_error("write"));
    }
  }
  return written;
}

asio::awaitable<Result<void>> Stream::handshake() {
  for (;;) {
    ERR_clear_error();
    errno = 0;
    const int result = SSL_do_handshake(state_->ssl.get());
    if (result == 1) co_return Result<void>{};
    const int error = SSL_get_error(state_->ssl.get(), result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
      co_return std::unexpected(last_error("TLS handshake"));
    auto ready = co_await wait(error == SSL_ERROR_WANT_WRITE);
    if (!ready) co_return ready;
  }
}

asio::awaitable<Result<void>> Stream::accept_tls(TlsServer& server) {
  state_->ssl.reset(server.begin(state_->socket.native_handle()));
  if (!state_->ssl) co_return std::unexpected(Error{Fault::temporary, "TLS: no memory for a connection"});
  SSL_set_accept_state(state_->ssl.get());
  state_->drained = false;
  auto done = co_await handshake();
  if (!done) co_return done;
  facts_ = tls_facts(state_->ssl.get());
  co_return Result<void>{};
}

asio::awaitable<Result<void>> Stream::connect_tls(TlsClient& client, const TlsPeer& peer) {
  auto begun = client.begin(state_->socket.native_handle(), peer);
  if (!begun) co_return std::unexpected(std::move(begun.error()));
  state_->ssl.reset(*begun);
  SSL_set_connect_state(state_->ssl.get());
  state_->drained = false;
  auto done = co_await handshake();
  if (!done) co_return done;
  facts_ = tls_facts(state_->ssl.get());
  co_return client.finish(state_->ssl.get(), peer, *facts_);
}

std::string Stream::channel_binding() const {
  constexpr std::string_view kLabel = "EXPORTER-Channel-Binding";
  std::array<unsigned char, 32> octets{};
  if (!state_->ssl || SSL_version(state_->ssl.get()) < TLS1_3_VERSION) return {};
  if (SSL_export_keying_material(state_->ssl.get(), octets.data(), octets.size(), kLabel.data(),
                                 kLabel.size(), nullptr, 0, 0) != 1)
    return {};
  return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

asio::awaitable<void> Stream::close() {
  if (state_->ssl && !state_->expired) {
    ERR_clear_error();
    SSL_shutdown(state_->ssl.get());  // one close_notify, as far as it goes without waiting
    ERR_clear_error();
  }
  abort();
  co_return;
}

void Stream::abort() {
  boost::system::error_code ignored;
  state_->socket.close(ignored);
}

namespace {

struct Endpoint {
  std::string address;
  std::uint16_t port = 0;
};

Endpoint describe(const asio::generic::stream_protocol::endpoint& endpoint) {
  const auto* data = endpoint.data();
  if (data->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, data, sizeof v4);
    return {asio::ip::address_v4(ntohl(v4.sin_addr.s_addr)).to_string(), ntohs(v4.sin_port)};
  }
  if (data->sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, data, sizeof v6);
    asio::ip::address_v6::bytes_type octets;
    std::memcpy(octets.data(), v6.sin6_addr.s6_addr, octets.size());
    const asio::ip::address_v6 address(octets);
    if (address.is_v4_mapped()) {
      return {asio::ip::make_address_v4(asio::ip::v4_mapped, address).to_string(), ntohs(v6.sin6_port)};
    }
    return {address.to_string(), ntohs(v6.sin6_port)};
  }
  return {};
}

}  // namespace

std::string Stream::peer_address() const {
  boost::system::error_code error;
  return describe(state_->socket.remote_endpoint(error)).address;
}
std::uint16_t Stream::peer_port() const {
  boost::system::error_code error;
  return describe(state_->socket.remote_endpoint(error)).port;
}
std::string Stream::local_address() const {
  boost::system::error_code error;
  return describe(state_->socket.local_endpoint(error)).address;
}
std::uint16_t Stream::local_port() const {
  boost::system::error_code error;
  return describe(state_->socket.local_endpoint(error)).port;
}

namespace {

/// Shared with the timer's handler, which may still be in line when the coroutine has gone on.
struct ConnectTimeout {
  Stream::Socket* socket;
  bool late = false;
};

asio::awaitable<Result<void>> connect_socket(Stream::Socket& socket,
                                             asio::generic::stream_protocol::endpoint to,
                                             std::chrono::seconds limit) {
  asio::steady_timer timer(co_await asio::this_coro::executor, limit);
  auto shared = std::make_shared<ConnectTimeout>(&socket);
  timer.async_wait([shared](const boost::system::error_code& error) {
    if (error || shared->socket == nullptr) return;
    shared->late = true;
    boost::system::error_code ignored;
    shared->socket->cancel(ignored);
  });
  boost::system::error_code error;
  for (;;) {
    std::tie(error) = co_await socket.async_connect(to, kQuiet);
    // Where a Unix socket's line of connections is full, Asio takes EAGAIN for "in progress" and then the
    // socket for a connected one. Nothing tells when there is room.
    if (error || shared->late || to.protocol().family() != AF_UNIX) break;
    boost::system::error_code unconnected;
    static_cast<void>(socket.remote_endpoint(unconnected));
    if (!unconnected) break;
    asio::steady_timer pause(timer.get_executor(), kFullLinePause);
    co_await pause.async_wait(kQuiet);
  }
  shared->socket = nullptr;
  timer.cancel();
  if (shared->late) co_return std::unexpected(Error{Fault::temporary, "Connection timed out"});
  // Nobody is there, as opposed to one who does not answer.
  const bool nobody = error == asio::error::connection_refused || error.value() == ENOENT;
  if (error) co_return std::unexpected(Error{nobody ? Fault::not_found : Fault::temporary, error.message()});
  co_return Result<void>{};
}

asio::awaitable<Result<void>> open_socket(Stream::Socket& socket, asio::generic::stream_protocol protocol) {
  auto open = [protocol] {
    const int descriptor = ::socket(protocol.family(), protocol.type() | SOCK_CLOEXEC, protocol.protocol());
    return descriptor < 0 ? -errno : descriptor;
  };
  int descriptor = protocol.family() == AF_UNIX ? take_unix_socket() : -1;
  if (descriptor < 0 && thread_is_confined()) {
    descriptor = co_await opener().run(open);
  } else if (descriptor < 0) {
    descriptor = open();
  }
  if (descriptor < 0) co_return std::unexpected(Error{Fault::temporary, std::strerror(-descriptor)});
  boost::system::error_code error;
  socket.assign(protocol, descriptor, error);
  if (!error) co_return Result<void>{};
  ::close(descriptor);
  co_return std::unexpected(Error{Fault::temporary, error.message()});
}

}  // namespace

asio::awaitable<Result<Stream>> Stream::connect_tcp(DeadlineSweep& sweep, std::string address,
                                                    std::uint16_t port, std::string bind_address,
                                                    std::chrono::seconds limit) {
  boost::system::error_code error;
  const auto ip = asio::ip::make_address(address, error);
  if (error) co_return std::unexpected(Error{Fault::malformed, "'" + address + "' is no IP address"});
  const asio::ip::tcp::endpoint to(ip, port);
  Socket socket(co_await asio::this_coro::executor);
  const asio::generic::stream_protocol protocol(to.protocol());
  if (auto opened = co_await open_socket(socket, protocol); !opened)
    co_return std::unexpected(std::move(opened.error()));
  if (!bind_address.empty()) {
    const auto own = asio::ip::make_address(bind_address, error);
    if (!error && own.is_v4() == ip.is_v4()) {
      const asio::generic::stream_protocol::endpoint from{asio::ip::tcp::endpoint(own, 0)};
      socket.bind(from, error);
    }
  }
  if (error) co_return std::unexpected(Error{Fault::temporary, error.message()});
  auto connected = co_await connect_socket(socket, to, limit);
  if (!connected) co_return std::unexpected(std::move(connected.error()));
  co_return Stream(std::move(socket), sweep);
}

asio::awaitable<Result<Stream>> Stream::connect_unix(DeadlineSweep& sweep, std::string path,
                                                     std::chrono::seconds limit) {
  if (path.size() >= 108)
    co_return std::unexpected(Error{Fault::malformed, "the path of the socket is too long: " + path});
  const asio::local::stream_protocol::endpoint to(path);
  Socket socket(co_await asio::this_coro::executor);
  const asio::generic::stream_protocol protocol(to.protocol());
  if (auto opened = co_await open_socket(socket, protocol); !opened)
    co_return std::unexpected(std::move(opened.error()));
  // Where there is room in the line it is done at once, and there is nothing to wait for.
  boost::system::error_code error;
  socket.non_blocking(true, error);
  if (!error && ::connect(socket.native_handle(), to.data(), static_cast<socklen_t>(to.size())) == 0)
    co_return Stream(std::move(socket), sweep);
  auto connected = co_await connect_socket(socket, to, limit);
  if (!connected) co_return std::unexpected(std::move(connected.error()));
  co_return Stream(std::move(socket), sweep);
}

}  // namespace hikyaku::io
