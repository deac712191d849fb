#include "serve/service_signals.h"

#include <systemd/sd-daemon.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>

namespace hikyaku::serve {

boost::asio::awaitable<void> handle_signals(boost::asio::signal_set& signals, std::function<void()> reload,
                                            std::function<boost::asio::awaitable<void>()> stop) {
  constexpr auto kQuiet = boost::asio::as_tuple(boost::asio::use_awaitable);
  for (;;) {
    const auto [error, number] = co_await signals.async_wait(kQuiet);
    if (error) co_return;
    if (number == SIGHUP) {
      sd_notify(0, "RELOADING=1");
      reload();
      sd_notify(0, "READY=1");
      continue;
    }
    sd_notify(0, "STOPPING=1");
    co_await stop();
    co_return;
  }
}

}  // namespace hikyaku::serve
