#include "serve/watchdog.h"

#include <systemd/sd-daemon.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <memory>

namespace hikyaku::serve {
namespace asio = boost::asio;

asio::awaitable<void> keep_watchdog(std::vector<asio::any_io_executor> watched) {
  std::uint64_t microseconds = 0;
  if (sd_watchdog_enabled(0, &microseconds) <= 0) co_return;
  const std::chrono::microseconds half(microseconds / 2);
  asio::steady_timer timer(co_await asio::this_coro::executor);
  // Shared: an executor may get round to it after this coroutine has gone.
  auto missing = std::make_shared<std::atomic<std::size_t>>(0);
  for (;;) {
    if (missing->load() == 0) {
      sd_notify(0, "WATCHDOG=1");
      missing->store(watched.size());
      for (const auto& executor : watched) asio::post(executor, [missing] { --*missing; });
    }
    timer.expires_after(half);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

}  // namespace hikyaku::serve
