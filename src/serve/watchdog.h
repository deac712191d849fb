#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <vector>

namespace hikyaku::serve {

/// Tells systemd's watchdog (WatchdogSec=, sd_watchdog_enabled(3)) that all is well, as long as each of these
/// executors, and the one that it runs on, gets round to work within half the time. Ends at once where nobody
/// watches.
boost::asio::awaitable<void> keep_watchdog(std::vector<boost::asio::any_io_executor> watched);

}  // namespace hikyaku::serve
