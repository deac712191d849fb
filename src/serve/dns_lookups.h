#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include "base/dns.h"
#include "io/resolver.h"

namespace hikyaku::serve {

/// The questions to the DNS that one decision has in flight together. On one thread, that of its executor.
/// What is still open when it goes away is answered to nobody.
class DnsLookups {
 public:
  /// The resolver must outlive what is asked, and the executor the resolver's stop().
  DnsLookups(io::Resolver& resolver, const boost::asio::any_io_executor& executor);

  /// Begins to ask, unless it is being asked.
  void ask(const DnsQuestion& question);
  /// How many are open.
  std::size_t size() const;
  /// Puts all answers that came into `dns`, when those to `wanted`, which were asked, are among them, or at
  /// `until`.
  boost::asio::awaitable<void> wait_for(const std::vector<DnsQuestion>& wanted, DnsFacts& dns,
                                        std::chrono::steady_clock::time_point until);

 private:
  struct State;
  static boost::asio::awaitable<void> look_up(io::Resolver& resolver, std::shared_ptr<State> state,
                                              DnsQuestion question);
  io::Resolver& resolver_;
  std::shared_ptr<State> state_;
};

}  // namespace hikyaku::serve
