#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <list>
#include <memory>

namespace hikyaku::io {

class Stream;

/// Ends what waits too long: one timer for all streams of an io_context, looking once a second, so that
/// setting a deadline costs no more than writing down a time. Used on its io_context's thread only.
class DeadlineSweep {
 public:
  explicit DeadlineSweep(boost::asio::io_context& context) : timer_(context) {}
  DeadlineSweep(const DeadlineSweep&) = delete;
  DeadlineSweep& operator=(const DeadlineSweep&) = delete;

  void start();
  /// Expires the deadlines of streams that wait for their peer to begin something (wait_readable()): their
  /// operations fail now. For shutting down.
  void expire_idle();
  /// expire_idle() was called: the program ends.
  bool ending() const { return ending_; }
  /// It keeps its io_context busy no more.
  void stop();

 private:
  friend class Stream;
  struct Watched;
  void look();

  boost::asio::steady_timer timer_;
  bool running_ = false, ending_ = false;
  // Shared with the streams: at the end of the program those that are left die with their io_context, after
  // us.
  std::shared_ptr<std::list<Watched*>> watched_ = std::make_shared<std::list<Watched*>>();
};

}  // namespace hikyaku::io
