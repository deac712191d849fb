#pragma once
#include <boost/asio/awaitable.hpp>

#include "base/dns.h"
#include "io/resolver.h"

namespace hikyaku::serve {

/// Asks the DNS what a decision wants to know, and keeps the answer. All must live until it ends.
boost::asio::awaitable<void> look_up(io::Resolver& resolver, DnsFacts& dns, const DnsQuestion& question);

}  // namespace hikyaku::serve
