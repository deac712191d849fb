#include "serve/listening_sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

namespace hikyaku::serve {
namespace {

constexpr int kBacklog = 1024;
// Of a socket that this program opened before it became itself once more.
constexpr std::string_view kOwnName = "hikyaku-own";

std::string place(const std::string& host, std::uint16_t port) {
  return host + " port " + std::to_string(port);
}

union Address {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

/// Of an address as text; 0: it is none.
socklen_t address_of(const std::string& host, std::uint16_t port, Address& address) {
  std::memset(&address, 0, sizeof address);
  if (::inet_pton(AF_INET, host.c_str(), &address.v4.sin_addr) == 1) {
    address.v4.sin_family = AF_INET;
    address.v4.sin_port = htons(port);
    return sizeof address.v4;
  }
  if (::inet_pton(AF_INET6, host.c_str(), &address.v6.sin6_addr) != 1) return 0;
  address.v6.sin6_family = AF_INET6;
  address.v6.sin6_port = htons(port);
  return sizeof address.v6;
}

std::string host_of(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool v4 = address.any.sa_family == AF_INET;
  const void* octets =
      v4 ? static_cast<const void*>(&address.v4.sin_addr) : static_cast<const void*>(&address.v6.sin6_addr);
  return ::inet_ntop(address.any.sa_family, octets, text.data(), text.size());
}

/// Why a socket that was handed over can't be used; nullopt: it can.
std::optional<std::string> unfit(int descriptor, Address& address) {
  socklen_t size = sizeof address;
  if (::getsockname(descriptor, &address.any, &size) != 0) return std::string("it is no socket");
  if (address.any.sa_family != AF_INET && address.any.sa_family != AF_INET6)
    return std::string("it is not of IPv4 or IPv6");
  if (sd_is_socket(descriptor, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
    return std::string("it does not listen for TCP");
  int alone = 0;
  socklen_t alone_size = sizeof alone;
  if (address.any.sa_family == AF_INET6 &&
      (::getsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &alone, &alone_size) != 0 || alone == 0))
    return std::string(
        "it takes IPv4 too: its unit needs BindIPv6Only=ipv6-only, and a socket for each family");
  return std::nullopt;
}

/// What sd_listen_fds_with_names(3) tells, of which children shall not know.
class Names {
 public:
  Names() : count_(sd_listen_fds_with_names(1, &names_)) {}
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;
  ~Names() {
    for (int i = 0; i < count_; ++i) std::free(names_[i]);
    std::free(names_);
  }
  int count() const { return count_; }
  bool is_own(int number) const { return names_ != nullptr && std::string_view(names_[number]) == kOwnName; }

 private:
  char** names_ = nullptr;
  int count_;
};

}  // namespace

Result<int> listen_on(const std::string& host, std::uint16_t port) {
  const auto failed = [&](int number) {
    return fail(Fault::permanent,
                "listen on " + place(host, port) + ": " + std::strerror(number) +
                    (number == EACCES && port < 1024
                         ? "; ports below 1024 can be opened at the start alone, by root, by "
                           "who has CAP_NET_BIND_SERVICE, or by systemd (hikyaku.socket)"
                         : ""));
  };
  Address address;
  const auto size = address_of(host, port, address);
  if (size == 0) return failed(EINVAL);
  const int descriptor = ::socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
  if (descriptor < 0) return failed(errno);
  const int yes = 1;
  ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (address.any.sa_family == AF_INET6)
    ::setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
  if (::bind(descriptor, &address.any, size) == 0 && ::listen(descriptor, kBacklog) == 0) return descriptor;
  const int number = errno;
  ::close(descriptor);
  return failed(number);
}

ListeningSockets::ListeningSockets(ListeningSockets&& other) noexcept
    : sockets_(std::exchange(other.sockets_, {})) {}

ListeningSockets& ListeningSockets::operator=(ListeningSockets&& other) noexcept {
  if (this != &other) {
    close_all();
    sockets_ = std::exchange(other.sockets_, {});
  }
  return *this;
}

ListeningSockets::~ListeningSockets() { close_all(); }

void ListeningSockets::close_all() {
  for (const auto& socket : sockets_) ::close(socket.descriptor);
  sockets_.clear();
}

ListeningSockets ListeningSockets::of_systemd(std::vector<std::string>& remarks) {
  ListeningSockets all;
  const Names names;
  const int count = names.count();
  if (count < 0) remarks.push_back(std::string("sockets of systemd: ") + std::strerror(-count));
  for (int descriptor = SD_LISTEN_FDS_START; descriptor < SD_LISTEN_FDS_START + count; ++descriptor) {
    Address address;
    if (auto why = unfit(descriptor, address)) {
      remarks.push_back("socket " + std::to_string(descriptor) + " of systemd is not used: " + *why);
      ::close(descriptor);
      continue;
    }
    const auto port = address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port;
    all.sockets_.push_back(
        {descriptor, host_of(address), ntohs(port), !names.is_own(descriptor - SD_LISTEN_FDS_START)});
  }
  return all;
}

Result<void> ListeningSockets::open(const std::string& host, std::uint16_t port) {
  if (std::ranges::any_of(sockets_, [&](const Socket& one) { return one.host == host && one.port == port; }))
    return {};
  const auto opened = listen_on(host, port);
  if (!opened) {
    auto error = opened.error();
    for (const auto& one : sockets_) {
      if (one.of_systemd && one.port == port)
        error.text +=
            "; systemd has opened " + place(one.host, one.port) +
            ": ListenStream= of hikyaku.socket and master.cf (with inet_interfaces) must name the same";
    }
    return std::unexpected(std::move(error));
  }
  sockets_.push_back({*opened, host, port, false});
  return {};
}

int ListeningSockets::take(const std::string& host, std::uint16_t port) {
  const auto found =
      std::ranges::find_if(sockets_, [&](const Socket& one) { return one.host == host && one.port == port; });
  if (found == sockets_.end()) return -1;
  found->taken = true;
  if (found->of_systemd) return ::fcntl(found->descriptor, F_DUPFD_CLOEXEC, 0);
  const int descriptor = found->descriptor;
  sockets_.erase(found);
  return descriptor;
}

Result<void> ListeningSockets::leave_to_next_program() {
  std::string names;
  const int count = static_cast<int>(sockets_.size());
  // First out of the way of each other, and of the places that they go to.
  for (auto& socket : sockets_) {
    const int moved = ::fcntl(socket.descriptor, F_DUPFD_CLOEXEC, SD_LISTEN_FDS_START + count);
    if (moved < 0) return fail(Fault::temporary, std::string("move a socket: ") + std::strerror(errno));
    ::close(std::exchange(socket.descriptor, moved));
    names += (names.empty() ? "" : ":") + std::string(socket.of_systemd ? "systemd" : kOwnName);
  }
  for (int i = 0; i < count; ++i) {
    if (::dup2(sockets_[static_cast<std::size_t>(i)].descriptor, SD_LISTEN_FDS_START + i) < 0)
      return fail(Fault::temporary, std::string("move a socket: ") + std::strerror(errno));
  }
  ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
  ::setenv("LISTEN_FDS", std::to_string(count).c_str(), 1);
  ::setenv("LISTEN_FDNAMES", names.c_str(), 1);
  return {};
}

std::vector<std::string> ListeningSockets::untaken() const {
  std::vector<std::string> places;
  for (const auto& socket : sockets_) {
    if (socket.of_systemd && !socket.taken) places.push_back(place(socket.host, socket.port));
  }
  return places;
}

}  // namespace hikyaku::serve
