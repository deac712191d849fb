#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/deadline.h"
#include "io/stream.h"
#include "milter/head_start.h"
#include "milter/multiplexer.h"
#include "serve/multiplexer_conditions.h"
#include "serve/multiplexer_configuration.h"
#include "serve/multiplexer_journal.h"
#include "serve/multiplexer_services.h"
#include "serve/session_recorder.h"
#include "serve/spool_file.h"

namespace hikyaku::serve {

/// One connection of an MTA to the multiplexer: the sockets of the MTA and of the filters, the time, and the
/// conditions, around a milter::Multiplexer. On one io_context's thread. Shared by the coroutines that read
/// and write for it: it goes with the last of them.
class MultiplexerSession : public std::enable_shared_from_this<MultiplexerSession> {
 public:
  MultiplexerSession(MultiplexerServices& services,
                     std::shared_ptr<const MultiplexerConfiguration> configuration,
                     boost::asio::io_context& context, io::DeadlineSweep& sweep, io::Stream parent,
                     std::uint64_t number);
  ~MultiplexerSession();
  MultiplexerSession(const MultiplexerSession&) = delete;
  MultiplexerSession& operator=(const MultiplexerSession&) = delete;

  /// Begins. `ended` is called once, on this thread, when the MTA's connection is over.
  void start(std::function<void()> ended);
  /// The multiplexer ends: at once where the MTA is between messages, else after this one.
  void stop();

 private:
  using Clock = std::chrono::steady_clock;

  /// A socket and what stands between it and the core.
  struct Peer {
    explicit Peer(io::Stream connected) : stream(std::move(connected)) {}
    io::Stream stream;
    milter::HeadStart head_start;  ///< of a filter
    std::string sending;           ///< taken from the core, not yet written; while `writing`
    bool writing = false;
  };
  using PeerPointer = std::shared_ptr<Peer>;
  struct Filter {
    PeerPointer peer;
    std::optional<milter::Admission::Place> place;  ///< whose outcome has not been told yet
    bool entered = false;                           ///< a connection of its budget is ours
    std::uint64_t attempt = 0;                      ///< to connect
  };
  static constexpr std::size_t kParent = static_cast<std::size_t>(-1);

  void step();
  /// Whether to go on with next().
  bool handle(milter::Multiplexer::Event event);
  bool wait(const milter::Multiplexer::NeedOctets& need);
  bool connect(std::size_t child);
  void disconnect(std::size_t child, const std::string& farewell);
  bool decide(const milter::Multiplexer::Decide& decision);
  void report(const milter::MultiplexerReport& report);
  void end(const std::string& reason);
  /// False: something was lost, which the core has to be asked about.
  bool flush(std::size_t number);
  const PeerPointer& peer_of(std::size_t number) const;
  void lost(std::size_t number, std::string_view what);
  void leave(Filter& filter);

  void spawn(boost::asio::awaitable<void> work);
  boost::asio::awaitable<void> next_on_pool();
  boost::asio::awaitable<void> read_from(std::size_t number, PeerPointer peer);
  boost::asio::awaitable<void> write_to(std::size_t number, PeerPointer peer);
  boost::asio::awaitable<void> connect_to(std::size_t child, milter::Admission::Place place,
                                          std::uint64_t attempt);
  boost::asio::awaitable<void> decide_later();
  boost::asio::awaitable<void> finish();
  boost::asio::awaitable<void> until_free();

  MultiplexerServices& services_;
  const std::shared_ptr<const MultiplexerConfiguration> configuration_;
  boost::asio::io_context& context_;
  io::DeadlineSweep& sweep_;
  SpoolFile spool_;
  milter::Multiplexer core_;
  MultiplexerConditions conditions_;
  MultiplexerJournal journal_;
  std::optional<SessionRecorder> recorder_;
  PeerPointer parent_;
  std::optional<std::string> parent_gone_;  // why, while what it said before is not heard yet
  std::vector<Filter> filters_;
  boost::asio::steady_timer wake_, gate_;  // gate_: for readers, until the core may be spoken to
  Clock::time_point wake_at_ = Clock::time_point::max();
  bool want_parent_ = true, stopping_ = false, over_ = false;
  bool wrote_ = false;  // something went out as a whole
  bool busy_ = false;   // the core is being used, or waits for a decision: octets are not handed in
  std::function<void()> ended_;
};

}  // namespace hikyaku::serve
