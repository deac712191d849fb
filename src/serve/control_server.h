#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"
#include "io/worker_pool.h"
#include "serve/administration.h"

namespace hikyaku::serve {

/// Answers `hikyaku queue`, `why` and their like over a Unix socket that only the hub's own user and root may
/// connect to: a line of JSON asks; rows {"row": …} answer, and {"exit": N} or {"error": "…"} ends. What
/// follows the line of {"command": "store.import"} is its body, which is taken in as fast as it can be used.
class ControlServer {
 public:
  using Row = Administration::Row;
  using Body = RequestBody;
  /// Hands the rows of its answer on, and gives the exit code. Several threads may ask at once.
  using Answer = std::function<Result<int>(const nlohmann::json& request, const Row& row, const Body& body)>;
  /// Takes the place of a socket that an earlier run left.
  /// `answer` is asked on `pool`, and on `waiting` for what may take hours.
  static Result<std::unique_ptr<ControlServer>> open(boost::asio::io_context& context,
                                                     const std::string& path, io::WorkerPool& pool,
                                                     io::WorkerPool& waiting, Answer answer);
  /// At a socket that listens already, of which it becomes the owner; `remove`: also of its name.
  static std::unique_ptr<ControlServer> take(boost::asio::io_context& context, int descriptor,
                                             const std::string& path, bool remove, io::WorkerPool& pool,
                                             io::WorkerPool& waiting, Answer answer);
  ~ControlServer();
  void start();
  /// Also ends what waits for a body.
  void stop();

 private:
  ControlServer(boost::asio::io_context& context, std::string path, io::WorkerPool& pool,
                io::WorkerPool& waiting, Answer answer);
  boost::asio::awaitable<void> accept();
  void converse(int descriptor);

  boost::asio::local::stream_protocol::acceptor acceptor_;
  std::string path_;
  bool remove_ = true;
  io::WorkerPool& pool_;
  io::WorkerPool& waiting_;
  const Answer answer_;
  const int stopping_;  ///< an eventfd: readable from stop() on
};

}  // namespace hikyaku::serve
