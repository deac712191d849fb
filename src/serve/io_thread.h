#pragma once
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "base/random.h"
#include "io/deadline.h"
#include "io/dovecot_auth.h"

namespace hikyaku::serve {

/// One thread of connections, with what belongs to a thread: its deadlines and its connections to Dovecot.
class IoThread {
 public:
  explicit IoThread(Random& random)
      : random_(random), context_(1), work_(context_.get_executor()), sweep_(context_) {}

  void start() {
    sweep_.start();
    thread_ = std::thread([this] { context_.run(); });
  }
  /// Ends the thread once nothing is under way in it any more, or at once.
  void release() { work_.reset(); }
  void stop() { context_.stop(); }
  void join() {
    if (thread_.joinable()) thread_.join();
  }

  boost::asio::io_context& context() { return context_; }
  io::DeadlineSweep& sweep() { return sweep_; }
  /// The Dovecot at `path`, asked for a service of this name ("smtp", "pop3"); null for a path that is none.
  /// On this thread only.
  io::DovecotAuth* dovecot(const std::string& path, const std::string& service) {
    auto& one = dovecots_[{path, service}];
    if (!one) {
      io::DovecotAuth::Settings settings;
      settings.path = path;
      settings.service = service;
      if (auto made = io::DovecotAuth::make(std::move(settings), sweep_, random_)) one = std::move(*made);
    }
    return one.get();
  }

 private:
  Random& random_;
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  io::DeadlineSweep sweep_;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<io::DovecotAuth>> dovecots_;
  std::thread thread_;
};

}  // namespace hikyaku::serve
