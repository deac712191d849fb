#pragma once
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::io {

/// A stream socket for a thread that may wait, with a deadline for each thing that it does. All failures are
/// Fault::temporary. Closes itself.
class BlockingSocket {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  /// "inet:host:port" (or "inet:[host]:port") and "unix:/path", as socketmap_table(5) writes them. A host's
  /// addresses are tried in turn. Fault::malformed: the text is neither.
  static Result<BlockingSocket> connect(std::string_view endpoint, Deadline deadline);

  BlockingSocket(BlockingSocket&& other) noexcept;
  BlockingSocket& operator=(BlockingSocket&& other) noexcept;
  BlockingSocket(const BlockingSocket&) = delete;
  BlockingSocket& operator=(const BlockingSocket&) = delete;
  ~BlockingSocket();

  Result<void> write_all(std::string_view octets, Deadline deadline);
  /// At least one octet; 0: the other end closed the connection.
  Result<std::size_t> read_some(std::span<char> room, Deadline deadline);

 private:
  explicit BlockingSocket(int descriptor) : descriptor_(descriptor) {}
  static Result<BlockingSocket> connect_unix(const std::string& path, Deadline deadline);
  static Result<BlockingSocket> connect_inet(std::string_view host_port, Deadline deadline);
  Result<void> wait(short events, Deadline deadline, const char* what) const;
  int descriptor_ = -1;
};

}  // namespace hikyaku::io
