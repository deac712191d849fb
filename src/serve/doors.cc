#include "serve/doors.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

namespace hikyaku::serve {
namespace asio = boost::asio;
using asio::ip::tcp;
namespace {
constexpr auto kQuiet = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds kPause{100};
}  // namespace

Result<Doors::Door> Doors::open_one(const Listener& listener) {
  Door door{listener.host, listener.port, {}};
  boost::system::error_code error;
  const auto address = asio::ip::make_address(listener.host, error);
  int descriptor = error ? -1 : sockets_.take(listener.host, listener.port);
  if (descriptor < 0) {
    const auto opened = listen_on(listener.host, listener.port);
    if (!opened) return std::unexpected(opened.error());
    descriptor = *opened;
  }
  const auto protocol = address.is_v6() ? tcp::v6() : tcp::v4();
  for (const auto& thread : threads_) {
    const bool last = &thread == &threads_.back();
    const int own = last ? std::exchange(descriptor, -1) : ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    auto acceptor = std::make_shared<Acceptor>(thread->context());
    if (own >= 0) acceptor->assign(protocol, own, error);
    if (own < 0 || error) {
      if (descriptor >= 0) ::close(descriptor);
      return fail(Fault::temporary,
                  "share a listening socket: " + (own < 0 ? "too many files are open" : error.message()));
    }
    door.acceptors.push_back(std::move(acceptor));
  }
  return door;
}

Result<void> Doors::open(const std::vector<std::unique_ptr<Listener>>& listeners) {
  const auto is_of = [](const Door& door, const Listener& listener) {
    return door.host == listener.host && door.port == listener.port;
  };
  std::vector<Door> fresh;
  for (const auto& listener : listeners) {
    if (std::ranges::any_of(doors_, [&](const Door& door) { return is_of(door, *listener); })) continue;
    auto door = open_one(*listener);
    if (!door) return std::unexpected(std::move(door.error()));
    fresh.push_back(std::move(*door));
  }
  std::vector<Door> next;
  for (auto& door : doors_) {
    const bool wanted = std::ranges::any_of(listeners, [&](const auto& one) { return is_of(door, *one); });
    if (wanted) {
      next.push_back(std::move(door));
    } else {
      close(door);
    }
  }
  for (auto& door : fresh) {
    serve(door);
    next.push_back(std::move(door));
  }
  doors_ = std::move(next);
  return {};
}

void Doors::serve(Door& door) {
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    asio::co_spawn(threads_[i]->context(), accept(door.acceptors[i], *threads_[i], door.host, door.port),
                   asio::detached);
  }
}

/// Each on its own thread, which may be about to accept.
void Doors::close(Door& door) {
  for (std::size_t i = 0; i < door.acceptors.size(); ++i) {
    asio::post(threads_[i]->context(), [closing = door.acceptors[i]] {
      boost::system::error_code ignored;
      closing->close(ignored);
    });
  }
  door.acceptors.clear();
}

void Doors::close() {
  for (auto& door : doors_) close(door);
  doors_.clear();
}

asio::awaitable<void> Doors::accept(std::shared_ptr<Acceptor> acceptor, IoThread& thread, std::string host,
                                    std::uint16_t port) {
  for (;;) {
    auto [error, socket] = co_await acceptor->async_accept(kQuiet);
    if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) co_return;
    if (error) {
      // Too many open files: give the connections that there are time to end.
      asio::steady_timer timer(thread.context(), kPause);
      co_await timer.async_wait(kQuiet);
      continue;
    }
    on_client_(std::move(socket), thread, host, port);
  }
}

}  // namespace hikyaku::serve
