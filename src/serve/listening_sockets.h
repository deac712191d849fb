#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace hikyaku::serve {

/// A socket of TCP that listens on this address and port; IPv6 alone on an IPv6 one.
Result<int> listen_on(const std::string& host, std::uint16_t port);

/// Sockets that listen before there is a hub: those that systemd hands over (sd_listen_fds(3)), and those
/// that are opened while the process may still open ports below 1024. Closes what nobody took.
class ListeningSockets {
 public:
  ListeningSockets() = default;
  ListeningSockets(ListeningSockets&& other) noexcept;
  ListeningSockets& operator=(ListeningSockets&& other) noexcept;
  ~ListeningSockets();

  /// Those of systemd, of which children of this process shall not know. `remarks` tells of each that can't
  /// be used: it does not listen, is not of TCP, or takes both families.
  static ListeningSockets of_systemd(std::vector<std::string>& remarks);

  /// Opens one, unless it is there.
  Result<void> open(const std::string& host, std::uint16_t port);

  /// The one of this address and port, for the caller to close; -1: there is none. One of systemd's can be
  /// had again after that, any other once.
  int take(const std::string& host, std::uint16_t port);

  /// Leaves them to the program that this process becomes next, as systemd would; they are its own there, and
  /// not systemd's, but for those that are systemd's here. All other descriptors must be CLOEXEC, or 0 to 2.
  Result<void> leave_to_next_program();

  /// "0.0.0.0 port 25" of each of systemd's that nobody took.
  std::vector<std::string> untaken() const;

 private:
  struct Socket {
    int descriptor;
    std::string host;
    std::uint16_t port;
    bool of_systemd;
    bool taken = false;
  };
  void close_all();
  std::vector<Socket> sockets_;
};

}  // namespace hikyaku::serve
