#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/signal_set.hpp>
#include <functional>

namespace hikyaku::serve {

/// What a service does at signals until it ends: at SIGHUP `reload`, at SIGTERM or SIGINT `stop`, once, which
/// ends it. Tells systemd of both. `signals` must live until then; when it is cancelled nothing more is done.
boost::asio::awaitable<void> handle_signals(boost::asio::signal_set& signals, std::function<void()> reload,
                                            std::function<boost::asio::awaitable<void>()> stop);

}  // namespace hikyaku::serve
