#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/background_process.h"
#include "io/deadline.h"
#include "io/log.h"
#include "io/stream.h"
#include "milter/endpoint.h"

namespace hikyaku::serve {

/// How a filter is started.
struct FilterCommand {
  std::string filter;  ///< its name, for the log
  io::BackgroundCommand command;
  std::string socket;               ///< the path of its Unix socket; empty: it has none
  std::chrono::milliseconds pause;  ///< from one start to the next, at least; see FilterProcess
  bool operator==(const FilterCommand&) const = default;
};

/// A filter that sessions have started when they find nobody at its socket. There is one process at a time,
/// and from a start to the next at least `pause`, doubled with each that did not run for five minutes, up to
/// five minutes; after ten minutes without a start it is `pause` again. A command that ends with 0 has put
/// the filter into the background, which is then not ours to end. What it writes goes to the log, escaped. A
/// Unix socket that a process left behind is removed. With the last that has this object the process is told
/// to end, and killed 10 s later. Thread-safe.
class FilterProcess {
 public:
  using Moment = std::chrono::steady_clock::time_point;
  class State;

  explicit FilterProcess(std::shared_ptr<State> state) : state_(std::move(state)) {}
  ~FilterProcess();
  FilterProcess(const FilterProcess&) = delete;
  FilterProcess& operator=(const FilterProcess&) = delete;

  /// Has it started unless it runs. An Error: there is no use in waiting for its socket, and why.
  Result<void> want(Moment now);
  struct Counts {
    std::uint64_t starts = 0, ends = 0;  ///< that it could not be started is an end
  };
  Counts counts() const;

 private:
  std::shared_ptr<State> state_;
};

/// The processes of all filters. On `main`'s thread but for what its processes do; outlives them. The thread
/// must last as long as the program: the filters get SIGTERM when it ends.
class FilterProcesses {
 public:
  FilterProcesses(boost::asio::io_context& main, io::Log& log) : main_(main), log_(log) {}

  /// The one of this command that there is, else a new one, which is not started yet.
  std::shared_ptr<FilterProcess> of(const FilterCommand& command);
  /// Tells all to end, kills those that are left after `limit`, and waits for that. None is started any more.
  boost::asio::awaitable<void> end(std::chrono::milliseconds limit);

 private:
  struct Known {
    FilterCommand command;
    std::weak_ptr<FilterProcess> process;
    std::weak_ptr<FilterProcess::State> state;  // which lasts until its process has ended
  };
  boost::asio::io_context& main_;
  io::Log& log_;
  std::vector<Known> known_;
};

/// Connects to a filter that nobody answered for, `refused`, as soon as the process that is started for it
/// does: at most until `deadline`, or while `wanted`. `process` and `endpoint` must outlive the call.
boost::asio::awaitable<Result<io::Stream>> connect_to_started(FilterProcess& process,
                                                              const milter::Endpoint& endpoint,
                                                              io::DeadlineSweep& sweep,
                                                              FilterProcess::Moment deadline, Error refused,
                                                              std::function<bool()> wanted);

}  // namespace hikyaku::serve
