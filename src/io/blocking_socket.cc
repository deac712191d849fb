#include "io/blocking_socket.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "base/escape.h"

namespace hikyaku::io {
namespace {

std::unexpected<Error> trouble(const std::string& what, int error) {
  return fail(Fault::temporary, what + ": " + std::strerror(error));
}

int left(BlockingSocket::Deadline deadline) {
  const auto milliseconds =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<long long>(milliseconds, 0, 1'000'000));
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

}  // namespace

BlockingSocket::BlockingSocket(BlockingSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

BlockingSocket& BlockingSocket::operator=(BlockingSocket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

BlockingSocket::~BlockingSocket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> BlockingSocket::wait(short events, Deadline deadline, const char* what) const {
  pollfd one{descriptor_, events, 0};
  for (;;) {
    const int ready = ::poll(&one, 1, left(deadline));
    if (ready > 0) return {};
    if (ready == 0) return fail(Fault::temporary, std::string(what) + ": no answer in time");
    if (errno != EINTR) return trouble(what, errno);
  }
}

Result<BlockingSocket> BlockingSocket::connect(std::string_view endpoint, Deadline deadline) {
  constexpr std::string_view kUnix = "unix:";
  constexpr std::string_view kInet = "inet:";
  if (endpoint.starts_with(kUnix)) return connect_unix(std::string(endpoint.substr(kUnix.size())), deadline);
  if (endpoint.starts_with(kInet)) return connect_inet(endpoint.substr(kInet.size()), deadline);
  return fail(Fault::malformed, escaped(endpoint, 200) + " is neither inet:host:port nor unix:/path");
}

Result<BlockingSocket> BlockingSocket::connect_unix(const std::string& path, Deadline deadline) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return fail(Fault::malformed, "unix:" + escaped(path, 200) + ": the path is empty or too long");
  std::ranges::copy(path, address.sun_path);
  BlockingSocket made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (made.descriptor_ < 0) return trouble("socket", errno);
  const std::string what = "connect to unix:" + escaped(path, 200);
  while (::connect(made.descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    // EAGAIN: the listener's line is full.
    if (errno != EAGAIN || left(deadline) == 0) return trouble(what, errno);
    ::poll(nullptr, 0, 10);
  }
  return made;
}

Result<BlockingSocket> BlockingSocket::connect_inet(std::string_view host_port, Deadline deadline) {
  const auto colon = host_port.rfind(':');
  auto host = host_port.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (colon == std::string_view::npos || host.empty() || colon + 1 == host_port.size())
    return fail(Fault::malformed, "inet:" + escaped(host_port, 200) + " is not inet:host:port");
  const std::string port(host_port.substr(colon + 1));
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string what = "connect to inet:" + escaped(host_port, 200);
  if (const int code = getaddrinfo(std::string(host).c_str(), port.c_str(), &hints, &found); code != 0)
    return fail(Fault::temporary, what + ": " + gai_strerror(code));
  const std::unique_ptr<addrinfo, FreeAddresses> list(found);
  Error last{Fault::temporary, what + ": there is no address"};
  for (const auto* one = list.get(); one != nullptr; one = one->ai_next) {
    BlockingSocket made(
        ::socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, one->ai_protocol));
    if (made.descriptor_ < 0) continue;
    if (::connect(made.descriptor_, one->ai_addr, one->ai_addrlen) == 0) return made;
    int error = errno;
    if (error == EINPROGRESS) {
      if (auto ready = made.wait(POLLOUT, deadline, what.c_str()); !ready) {
        last = ready.error();
        continue;
      }
      socklen_t size = sizeof error;
      ::getsockopt(made.descriptor_, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error == 0) return made;
    }
    last = trouble(what, error).error();
  }
  return std::unexpected(std::move(last));
}

Result<void> BlockingSocket::write_all(std::string_view octets, Deadline deadline) {
  while (!octets.empty()) {
    const auto written = ::send(descriptor_, octets.data(), octets.size(), MSG_NOSIGNAL);
    if (written >= 0) {
      octets.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      if (auto ready = wait(POLLOUT, deadline, "sending the request"); !ready) return ready;
    } else if (errno != EINTR) {
      return trouble("sending the request", errno);
    }
  }
  return {};
}

Result<std::size_t> BlockingSocket::read_some(std::span<char> room, Deadline deadline) {
  for (;;) {
    const auto got = ::recv(descriptor_, room.data(), room.size(), 0);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EAGAIN) {
      if (auto ready = wait(POLLIN, deadline, "waiting for the answer"); !ready)
        return std::unexpected(std::move(ready.error()));
    } else if (errno != EINTR) {
      return trouble("waiting for the answer", errno);
    }
  }
}

}  // namespace hikyaku::io
