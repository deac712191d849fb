#pragma once
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include "io/probe_wire.h"
#include "probe/send_request.h"

namespace hikyaku::cmd {

/// A connection to where a message is to be sent, and the process behind it if it is one.
class SendConnection {
 public:
  using Note = std::function<void(std::string)>;

  /// To the host, the Unix socket or the command of `target`; without a host to the mail servers of its
  /// domain, in the order that the DNS gives them. `limit` as in io::ProbeTarget. `note` is told what is
  /// tried.
  static Result<SendConnection> open(const probe::SendTarget& target, std::chrono::milliseconds limit,
                                     const Note& note);

  SendConnection(SendConnection&& other) noexcept
      : connection_(std::move(other.connection_)), child_(std::exchange(other.child_, -1)) {}
  SendConnection& operator=(SendConnection&&) = delete;
  SendConnection(const SendConnection&) = delete;
  SendConnection& operator=(const SendConnection&) = delete;
  /// Closes, and waits 5 s for the command to end before it is told to.
  ~SendConnection();

  probe::Wire& wire() { return *connection_.wire; }

 private:
  SendConnection(io::ProbeConnection connection, pid_t child)
      : connection_(std::move(connection)), child_(child) {}
  static Result<SendConnection> start(const std::string& command, std::chrono::milliseconds limit,
                                      const Note& note);
  static Result<SendConnection> to_host(io::ProbeTarget target, const Note& note);

  io::ProbeConnection connection_;
  pid_t child_ = -1;
};

}  // namespace hikyaku::cmd
