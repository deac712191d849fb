#pragma once
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "io/deadline.h"
#include "io/stream.h"
#include "milter/client_session.h"
#include "milter/endpoint.h"
#include "milter/head_start.h"

namespace hikyaku::serve {

/// Drives one milter::ClientSession over a socket: the connection to one filter, for one SMTP connection. On
/// one io_context's thread.
///
/// connect(); then tell session() an event and call next() until a Verdict, or verdict(); close() at the end.
/// A filter that fails costs no more than its timeouts: the session gives the default action from then on.
/// When the program ends (DeadlineSweep::ending()) nothing is waited for, but what a filter makes of a
/// message's content.
///
/// What is sent waits until an answer is needed or much has gathered, so that events without an answer cost
/// no write of their own. Memory: what the session keeps, about 128 KiB of output, and the edit that next()
/// gives.
class MilterConnection {
 public:
  struct Settings {
    milter::Endpoint endpoint;
    milter::ClientSession::Settings session;
    std::chrono::seconds connect_timeout{30};   ///< for a host's addresses to be found, and for each of them
    std::chrono::seconds command_timeout{30};   ///< up to DATA
    std::chrono::seconds content_timeout{300};  ///< headers, body, end of message
    /// For one answer, however often the filter says PROGRESS.
    std::chrono::seconds longest_answer{3600};
    bool head_start = false;  ///< see milter::HeadStart
  };
  using Session = milter::ClientSession;
  using Verdict = Session::Verdict;
  using Answer = std::variant<milter::Edit, Verdict>;

  /// Both must outlive it.
  MilterConnection(const Settings& settings, io::DeadlineSweep& sweep)
      : settings_(settings), sweep_(sweep), session_(settings.session) {}

  /// Connects and negotiates. A verdict with a failure: it did not work out, and the default action holds.
  boost::asio::awaitable<Verdict> connect();

  Session& session() { return session_; }
  const Session& session() const { return session_; }
  const Settings& settings() const { return settings_; }

  /// The next of what the filter makes of the event: edits, then its verdict.
  boost::asio::awaitable<Answer> next();
  /// The verdict; edits go to `edits`. For a replaced body of any size use next().
  boost::asio::awaitable<Verdict> verdict(std::vector<milter::Edit>& edits);

  /// Says QUIT and closes. A filter that does not read gets the command timeout.
  boost::asio::awaitable<void> close();

 private:
  using Clock = std::chrono::steady_clock;
  std::string_view gather();
  boost::asio::awaitable<bool> send(std::string_view chunk);
  boost::asio::awaitable<void> exchange(Session::NeedBytes need);
  boost::asio::awaitable<bool> ready(Session::Timeout timeout);
  void begin_wait(Session::Timeout timeout);
  void lost(const std::string& doing, const Error& error);

  const Settings& settings_;
  io::DeadlineSweep& sweep_;
  Session session_;
  std::optional<io::Stream> stream_;
  milter::HeadStart head_start_;
  std::string gathered_;  // output that was not sent yet
  Clock::time_point asked_at_, deadline_;
  bool answering_ = false;
};

/// Connects to a filter: `limit` for its host's addresses to be found, and for each of them. `endpoint` must
/// outlive the call. Fails with Fault::not_found where nobody listens.
boost::asio::awaitable<Result<io::Stream>> connect_to_milter(const milter::Endpoint& endpoint,
                                                             io::DeadlineSweep& sweep,
                                                             std::chrono::seconds limit);

}  // namespace hikyaku::serve
