#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <memory>
#include <string>

#include "base/result.h"
#include "serve/administration.h"
#include "serve/services.h"

namespace hikyaku::serve {

/// Answers `hikyaku queue`, `why` and their like over a Unix socket that only the hub's own user and root may
/// connect to: a line of JSON asks; rows {"row": …} answer, and {"exit": N} or {"error": "…"} ends. What
/// follows the line of {"command": "store.import"} is its body, which is taken in as fast as it can be used.
class ControlServer {
 public:
  /// Takes the place of a socket that an earlier run left.
  static Result<std::unique_ptr<ControlServer>> open(boost::asio::io_context& context,
                                                     const std::string& path, Services& services,
                                                     Administration& administration);
  ~ControlServer();
  void start();
  /// Also ends what waits for a body.
  void stop();

 private:
  ControlServer(boost::asio::io_context& context, std::string path, Services& services,
                Administration& administration);
  boost::asio::awaitable<void> accept();
  void converse(int descriptor);

  boost::asio::local::stream_protocol::acceptor acceptor_;
  std::string path_;
  Services& services_;
  Administration& administration_;
  const int stopping_;  ///< an eventfd: readable from stop() on
};

}  // namespace hikyaku::serve
