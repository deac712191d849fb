#include "serve/milter_review.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "serve/milter_chain.h"

namespace hikyaku::serve {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds kPatience{5};

std::string_view consequence(milter::DefaultAction action) {
  switch (action) {
    case milter::DefaultAction::accept:
      return "mail passes without it (default action accept)";
    case milter::DefaultAction::reject:
      return "mail is refused (default action reject)";
    case milter::DefaultAction::tempfail:
      return "mail is put off (default action tempfail)";
    case milter::DefaultAction::quarantine:
      return "mail is held (default action quarantine)";
    case milter::DefaultAction::shutdown:
      return "connections are closed (default action shutdown)";
  }
  return {};
}

asio::awaitable<void> try_one(const MilterConnection::Settings& settings, io::DeadlineSweep& sweep,
                              std::string& failure) {
  MilterConnection connection(settings, sweep);
  const auto verdict = co_await connection.connect();
  failure = verdict.failure;
  co_await connection.close();
  sweep.stop();
}

/// Why it can't be spoken to; empty: it can.
std::string trouble(MilterConnection::Settings settings) {
  settings.connect_timeout = std::min(settings.connect_timeout, kPatience);
  settings.command_timeout = std::min(settings.command_timeout, kPatience);
  asio::io_context context(1);
  io::DeadlineSweep sweep(context);
  sweep.start();
  std::string failure;
  asio::co_spawn(context, try_one(settings, sweep, failure), asio::detached);
  context.run();
  return failure;
}

}  // namespace

void review_milters(const Running& running, config::Diagnostics& diagnostics) {
  std::set<std::pair<std::uint64_t, std::string>> seen;
  const auto review = [&](const std::shared_ptr<const MilterSet>& set) {
    if (!set) return;
    for (const auto& filter : set->filters()) {
      const auto place = (std::uint64_t{filter.origin.file} << 32) | filter.origin.line;
      if (!seen.emplace(place, filter.name).second) continue;
      const auto failure = trouble(filter.connection);
      if (failure.empty()) continue;
      diagnostics.warning(filter.origin,
                          std::string(set->settings().setting) + ": " + milter_trouble(filter.name, failure) +
                              ": while that is so, " +
                              std::string(consequence(filter.connection.session.default_action)),
                          filter.name);
    }
  };
  for (const auto& listener : running.listeners) review(listener->milters);
  review(running.notice_milters);
}

}  // namespace hikyaku::serve
