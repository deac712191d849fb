#include "io/probe_wire.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>

#include "base/escape.h"
#include "io/certificate.h"
#include "io/probe_tls.h"

namespace hikyaku::io {
namespace {

using Milliseconds = std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kMostAtOnce = std::size_t{64} << 10;   // octets of one receive()
constexpr std::size_t kMostInjected = std::size_t{1} << 20;  // octets before a handshake that are waited for

std::string reason(int code) { return std::strerror(code); }

/// An open socket.
class Socket {
 public:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { close(); }
  int get() const { return descriptor_; }
  int release() { return std::exchange(descriptor_, -1); }
  void close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }

 private:
  int descriptor_;
};

Milliseconds left_until(SteadyClock::time_point until) {
  return std::max(Milliseconds{0}, std::chrono::ceil<Milliseconds>(until - SteadyClock::now()));
}

/// Whether it came true before `until`.
bool wait_for(int descriptor, short events, SteadyClock::time_point until) {
  for (;;) {
    pollfd one{descriptor, events, 0};
    const auto left = left_until(until);
    const int ready = ::poll(&one, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 1 << 30)));
    if (ready > 0) return true;
    if (ready == 0 && left_until(until) == Milliseconds{0}) return false;
    if (ready < 0 && errno != EINTR) return true;  // what is called next tells
  }
}

bool would_block(int code) { return code == EAGAIN || code == EWOULDBLOCK; }

class SocketWire final : public probe::Wire {
 public:
  SocketWire(int descriptor, Milliseconds limit) : socket_(descriptor), limit_(limit) {}

  Result<void> send(std::string_view octets) override;
  Result<Heard> receive(std::string& into, Milliseconds limit) override;
  Result<probe::TlsReport> start_tls(const probe::TlsWish& wish, std::size_t& injected) override;
  bool under_tls() const override { return tls_ != nullptr; }
  int descriptor() const override { return socket_.get(); }
  void end_output() override;
  void abort() override { socket_.close(); }

 private:
  enum class Step : unsigned char { done, wants_input, wants_output, ended, broken };
  struct Moved {
    Step step;
    std::size_t octets = 0;
    std::string error{};
  };
  Moved moved_by_tls(int result);
  Moved read_some(char* into, std::size_t room);
  Moved write_some(std::string_view octets);
  std::size_t drop_input();
  Result<void> shake_hands();
  std::optional<std::string> plain_answer() const;

  Socket socket_;
  Milliseconds limit_;
  std::unique_ptr<ProbeTls> tls_;  // after the handshake
};

SocketWire::Moved SocketWire::moved_by_tls(int result) {
  if (result > 0) return {Step::done, static_cast<std::size_t>(result)};
  const int code = errno;
  switch (SSL_get_error(tls_->ssl.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return {Step::wants_input};
    case SSL_ERROR_WANT_WRITE:
      return {Step::wants_output};
    case SSL_ERROR_ZERO_RETURN:
      return {Step::ended};
    case SSL_ERROR_SYSCALL:
      if (ERR_peek_error() == 0) return {Step::broken, 0, code == 0 ? "the peer closed" : reason(code)};
      break;
    default:
      break;
  }
  return {Step::broken, 0, openssl_reason()};
}

SocketWire::Moved SocketWire::read_some(char* into, std::size_t room) {
  if (tls_) {
    ERR_clear_error();
    errno = 0;
    return moved_by_tls(SSL_read(tls_->ssl.get(), into, static_cast<int>(room)));
  }
  const auto size = ::recv(socket_.get(), into, room, MSG_DONTWAIT);
  if (size > 0) return {Step::done, static_cast<std::size_t>(size)};
  if (size == 0) return {Step::ended};
  if (would_block(errno) || errno == EINTR) return {Step::wants_input};
  return {Step::broken, 0, reason(errno)};
}

SocketWire::Moved SocketWire::write_some(std::string_view octets) {
  if (tls_) {
    ERR_clear_error();
    errno = 0;
    const auto size = std::min(octets.size(), kMostAtOnce);
    return moved_by_tls(SSL_write(tls_->ssl.get(), octets.data(), static_cast<int>(size)));
  }
  const auto size = ::send(socket_.get(), octets.data(), octets.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (size >= 0) return {Step::done, static_cast<std::size_t>(size)};
  if (would_block(errno) || errno == EINTR) return {Step::wants_output};
  return {Step::broken, 0, reason(errno)};
}

Result<void> SocketWire::send(std::string_view octets) {
  while (!octets.empty()) {
    const auto moved = write_some(octets);
    switch (moved.step) {
      case Step::done:
        octets.remove_prefix(moved.octets);
        break;
      case Step::wants_input:
      case Step::wants_output:
        if (!wait_for(socket_.get(), moved.step == Step::wants_input ? POLLIN : POLLOUT,
                      SteadyClock::now() + limit_))
          return fail(Fault::temporary,
                      "sending: the server took nothing for " + std::to_string(limit_.count()) + " ms");
        break;
      case Step::ended:
        return fail(Fault::temporary, "sending: the server has closed the connection");
      case Step::broken:
        return fail(Fault::temporary, "sending: " + moved.error);
    }
  }
  return {};
}

Result<probe::Wire::Heard> SocketWire::receive(std::string& into, Milliseconds limit) {
  const auto until = SteadyClock::now() + limit;
  std::array<char, 16384> room{};
  std::size_t got = 0;
  for (;;) {
    const auto moved = read_some(room.data(), room.size());
    switch (moved.step) {
      case Step::done:
        into.append(room.data(), moved.octets);
        got += moved.octets;
        if (got + room.size() > kMostAtOnce) return Heard::octets;
        continue;
      case Step::wants_input:
      case Step::wants_output:
        if (got > 0) return Heard::octets;
        if (!wait_for(socket_.get(), moved.step == Step::wants_input ? POLLIN : POLLOUT, until))
          return Heard::silence;
        continue;
      case Step::ended:
        return got > 0 ? Heard::octets : Heard::closed;
      case Step::broken:
        if (got > 0) return Heard::octets;
        return fail(Fault::temporary, "receiving: " + moved.error);
    }
  }
}

/// The client speaks first in TLS: what is there already was said in plain text.
std::size_t SocketWire::drop_input() {
  std::array<char, 16384> room{};
  std::size_t dropped = 0;
  while (dropped < kMostInjected) {
    const auto size = ::recv(socket_.get(), room.data(), room.size(), MSG_DONTWAIT);
    if (size <= 0) break;
    dropped += static_cast<std::size_t>(size);
  }
  return dropped;
}

/// Whether the answer to our first message is no TLS at all, which OpenSSL has no clear words for.
std::optional<std::string> SocketWire::plain_answer() const {
  static constexpr char kAlert = 21;
  static constexpr char kHandshake = 22;
  auto said = tls_->first_octets;
  if (said.empty() || said[0] == kHandshake || said[0] == kAlert) return std::nullopt;
  std::array<char, 64> room{};
  const auto size = ::recv(socket_.get(), room.data(), room.size(), MSG_PEEK | MSG_DONTWAIT);
  if (size > 0) said.append(room.data(), static_cast<std::size_t>(size));
  return said;
}

Result<void> SocketWire::shake_hands() {
  const auto until = SteadyClock::now() + limit_;
  for (;;) {
    ERR_clear_error();
    errno = 0;
    const auto moved = moved_by_tls(SSL_do_handshake(tls_->ssl.get()));
    switch (moved.step) {
      case Step::done:
        return {};
      case Step::wants_input:
      case Step::wants_output:
        if (!wait_for(socket_.get(), moved.step == Step::wants_input ? POLLIN : POLLOUT, until))
          return fail(Fault::temporary,
                      "TLS handshake: not finished within " + std::to_string(limit_.count()) + " ms");
        continue;
      case Step::ended:
        return fail(Fault::temporary, "TLS handshake: the server closed the connection");
      case Step::broken: {
        if (const auto said = plain_answer())
          return fail(Fault::permanent, "TLS handshake: the server does not speak TLS here, but says \"" +
                                            escaped(*said) + '"');
        const bool closed = moved.error == "the peer closed" || moved.error == reason(ECONNRESET) ||
                            moved.error.contains("unexpected eof");
        return fail(closed ? Fault::temporary : Fault::permanent, "TLS handshake: " + moved.error);
      }
    }
  }
}

Result<probe::TlsReport> SocketWire::start_tls(const probe::TlsWish& wish, std::size_t& injected) {
  injected = 0;
  if (tls_) return fail(Fault::permanent, "TLS handshake: TLS is on already");
  injected = drop_input();
  auto begun = ProbeTls::begin(socket_.get(), wish);
  if (!begun) return std::unexpected(std::move(begun.error()));
  tls_ = std::move(*begun);
  if (auto shaken = shake_hands(); !shaken) {
    tls_.reset();
    return std::unexpected(std::move(shaken.error()));
  }
  return tls_->report(wish);
}

void SocketWire::end_output() {
  if (tls_) {
    ERR_clear_error();
    SSL_shutdown(tls_->ssl.get());
  }
  ::shutdown(socket_.get(), SHUT_WR);
}

struct AddressesFree {
  void operator()(addrinfo* first) const { ::freeaddrinfo(first); }
};
using Addresses = std::unique_ptr<addrinfo, AddressesFree>;

std::string address_text(const sockaddr* address, socklen_t size) {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  if (::getnameinfo(address, size, host.data(), host.size(), port.data(), port.size(),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return "an unknown address";
  const std::string text(host.data());
  return (text.contains(':') ? '[' + text + ']' : text) + ':' + port.data();
}

int family_number(ProbeTarget::Family family) {
  if (family == ProbeTarget::Family::any) return AF_UNSPEC;
  return family == ProbeTarget::Family::ipv4 ? AF_INET : AF_INET6;
}

Result<Addresses> look_up(const std::string& host, std::uint16_t port, int family, int flags) {
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | flags;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (code == 0) return Addresses(found);
  std::string why = code == EAI_SYSTEM ? reason(errno) : ::gai_strerror(code);
  if (family != AF_UNSPEC)
    why += family == AF_INET ? " (IPv4 alone was asked for)" : " (IPv6 alone was asked for)";
  return fail(code == EAI_AGAIN ? Fault::temporary : Fault::not_found,
              "the address of \"" + escaped(host) + "\": " + why);
}

/// 0, or the errno.
int connect_within(int descriptor, const sockaddr* address, socklen_t size, Milliseconds limit) {
  if (::connect(descriptor, address, size) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  if (!wait_for(descriptor, POLLOUT, SteadyClock::now() + limit)) return ETIMEDOUT;
  int code = 0;
  socklen_t length = sizeof code;
  ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length);
  return code;
}

Result<void> bind_to(int descriptor, const ProbeTarget& target, int family) {
  if (target.local_address.empty() && target.local_port == 0) return {};
  const auto any = family == AF_INET ? "0.0.0.0" : "::";
  auto local = look_up(target.local_address.empty() ? any : target.local_address, target.local_port, family,
                       AI_NUMERICHOST);
  if (!local) return std::unexpected(std::move(local.error()));
  if (::bind(descriptor, (*local)->ai_addr, (*local)->ai_addrlen) != 0)
    return fail(Fault::temporary, "from " + target.local_address + ": " + reason(errno));
  return {};
}

/// A socket that is connected to this one address, or why not.
Result<int> connect_to(const addrinfo& address, const ProbeTarget& target) {
  Socket socket(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.get() < 0) return fail(Fault::temporary, reason(errno));
  if (auto bound = bind_to(socket.get(), target, address.ai_family); !bound)
    return std::unexpected(std::move(bound.error()));
  const int code = connect_within(socket.get(), address.ai_addr, address.ai_addrlen, target.limit);
  if (code != 0) return fail(Fault::temporary, reason(code));
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket.release();
}

Result<ProbeConnection> connect_to_path(const ProbeTarget& target) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (target.unix_path.size() >= sizeof address.sun_path)
    return fail(Fault::permanent, "the path of a socket has at most 107 octets: " + target.unix_path);
  target.unix_path.copy(address.sun_path, target.unix_path.size());
  Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int code = socket.get() < 0 ? errno
                                    : connect_within(socket.get(), reinterpret_cast<sockaddr*>(&address),
                                                     sizeof address, target.limit);
  if (code != 0)
    return fail(code == ENOENT ? Fault::not_found : Fault::temporary,
                "connecting to " + target.unix_path + ": " + reason(code));
  return ProbeConnection{probe_wire(socket.release(), target.limit), target.unix_path, {}, {}};
}

}  // namespace

std::unique_ptr<probe::Wire> probe_wire(int socket, Milliseconds limit) {
  return std::make_unique<SocketWire>(socket, limit);
}

Result<ProbeConnection> connect_probe(const ProbeTarget& target) {
  if (!target.unix_path.empty()) return connect_to_path(target);
  auto addresses = look_up(target.host, target.port, family_number(target.family), 0);
  if (!addresses) return std::unexpected(std::move(addresses.error()));
  ProbeConnection made;
  for (const auto* one = addresses->get(); one != nullptr; one = one->ai_next) {
    made.peer = address_text(one->ai_addr, one->ai_addrlen);
    const auto socket = connect_to(*one, target);
    if (!socket) {
      made.failed.push_back(made.peer + ": " + socket.error().text);
      continue;
    }
    sockaddr_storage local{};
    socklen_t size = sizeof local;
    if (::getsockname(*socket, reinterpret_cast<sockaddr*>(&local), &size) == 0)
      made.local = address_text(reinterpret_cast<sockaddr*>(&local), size);
    made.wire = probe_wire(*socket, target.limit);
    return made;
  }
  std::string all;
  for (const auto& one : made.failed) all += (all.empty() ? "" : "; ") + one;
  return fail(Fault::temporary, "connecting to " + escaped(target.host) + ": " + all);
}

}  // namespace hikyaku::io
