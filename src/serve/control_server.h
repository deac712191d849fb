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
/// connect to: a line of JSON asks; rows {"row": …} answer, and {"exit": N} or {"error": "…"} ends.
class ControlServer {
 public:
  /// Takes the place of a socket that an earlier run left.
  static Result<std::unique_ptr<ControlServer>> open(boost::asio::io_context& context,
                                                     const std::string& path, Services& services,
                                                     Administration& administration);
  ~ControlServer();
  void start();
  void stop();

 private:
  ControlServer(boost::asio::io_context& context, std::string path, Services& services,
                Administration& administration)
      : acceptor_(context), path_(std::move(path)), services_(services), administration_(administration) {}
  boost::asio::awaitable<void> accept();

  boost::asio::local::stream_protocol::acceptor acceptor_;
  std::string path_;
  Services& services_;
  Administration& administration_;
};

}  // namespace hikyaku::serve
