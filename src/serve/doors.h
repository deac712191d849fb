#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "serve/io_thread.h"
#include "serve/listening_sockets.h"
#include "serve/running.h"

namespace hikyaku::serve {

/// The sockets that listen for clients, each shared by all threads. All calls are for the main thread.
class Doors {
 public:
  using Threads = std::vector<std::unique_ptr<IoThread>>;
  /// Called on `thread`, for a client that came to `host` and `port`.
  using OnClient = std::function<void(boost::asio::ip::tcp::socket socket, IoThread& thread,
                                      const std::string& host, std::uint16_t port)>;

  /// `threads` must outlive the doors, and be joined before they go.
  Doors(const Threads& threads, ListeningSockets sockets, OnClient on_client)
      : threads_(threads), sockets_(std::move(sockets)), on_client_(std::move(on_client)) {}

  /// All doors of a configuration. Those that were open stay open; an error means that nothing has changed.
  Result<void> open(const std::vector<std::unique_ptr<Listener>>& listeners);
  /// No new clients.
  void close();
  /// Of systemd's sockets those that no line of master.cf wanted.
  std::vector<std::string> unused() const { return sockets_.untaken(); }

 private:
  using Acceptor = boost::asio::ip::tcp::acceptor;
  struct Door {
    std::string host;
    std::uint16_t port;
    std::vector<std::shared_ptr<Acceptor>> acceptors;  // one a thread, all of the same socket
  };
  Result<Door> open_one(const Listener& listener);
  void serve(Door& door);
  void close(Door& door);
  boost::asio::awaitable<void> accept(std::shared_ptr<Acceptor> acceptor, IoThread& thread, std::string host,
                                      std::uint16_t port);

  const Threads& threads_;
  ListeningSockets sockets_;
  OnClient on_client_;
  std::vector<Door> doors_;
};

}  // namespace hikyaku::serve
