#pragma once
// For tests only: both ends of a connection on one io_context.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <chrono>
#include <csignal>
#include <exception>
#include <filesystem>
#include <string>
#include <utility>

#include "io/deadline.h"
#include "io/stream.h"

namespace hikyaku::testing_support {

/// A folder that goes with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "hikyaku-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

/// One io_context with its deadlines. A test gives it coroutines and runs until all have ended.
class Loopback {
 public:
  Loopback() : sweep_(context_) {
    std::signal(SIGPIPE, SIG_IGN);
    sweep_.start();
  }
  Loopback(const Loopback&) = delete;
  Loopback& operator=(const Loopback&) = delete;

  boost::asio::io_context& context() { return context_; }
  io::DeadlineSweep& sweep() { return sweep_; }

  void spawn(boost::asio::awaitable<void> work) {
    ++running_;
    boost::asio::co_spawn(context_, std::move(work), [this](std::exception_ptr error) {
      if (--running_ == 0) sweep_.stop();
      if (error) std::rethrow_exception(error);
    });
  }
  /// A test that hangs ends here.
  void run() {
    context_.run_for(std::chrono::seconds{60});
    EXPECT_EQ(running_, 0) << "not all has ended";
  }

  /// Two connected TCP streams: what connected, and what was connected to.
  std::pair<io::Stream, io::Stream> connected() {
    using boost::asio::ip::tcp;
    tcp::acceptor acceptor(context_, {boost::asio::ip::address_v4::loopback(), 0});
    tcp::socket client(context_);
    client.connect(acceptor.local_endpoint());
    auto server = acceptor.accept();
    return {io::Stream(std::move(client), sweep_), io::Stream(std::move(server), sweep_)};
  }

 private:
  boost::asio::io_context context_;
  io::DeadlineSweep sweep_;
  int running_ = 0;
};

}  // namespace hikyaku::testing_support
