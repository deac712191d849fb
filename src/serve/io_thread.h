#pragma once
#include <sys/prctl.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "base/random.h"
#include "io/deadline.h"
#include "io/dovecot_auth.h"
#include "io/thread_confinement.h"

namespace hikyaku::serve {

/// One thread of connections, with what belongs to a thread: its deadlines and its connections to Dovecot.
class IoThread {
 public:
  explicit IoThread(Random& random)
      : random_(random), context_(1), work_(context_.get_executor()), sweep_(context_) {}

  /// Comes back when the thread is confined, for what comes over connections is read on it. false: the kernel
  /// has nothing to confine it by.
  bool start() {
    sweep_.start();
    std::promise<bool> confined;
    auto begun = confined.get_future();
    thread_ = std::thread([this, confined = std::move(confined)]() mutable {
      (void)::prctl(PR_SET_NAME, "connections");
      confined.set_value(io::confine_thread());
      context_.run();
    });
    return begun.get();
  }
  /// What start() said, in words.
  static std::string text(bool confined) {
    return confined ? "open no file and no socket, start no program (seccomp)"
                    : "not confined: seccomp can't be had";
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
