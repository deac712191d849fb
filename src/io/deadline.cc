#include "io/deadline.h"

#include <boost/asio/as_tuple.hpp>

#include "io/stream_state.h"

namespace hikyaku::io {

void DeadlineSweep::start() {
  running_ = true;
  look();
}

void DeadlineSweep::look() {
  const auto now = std::chrono::steady_clock::now();
  for (auto* watched : *watched_) {
    if (watched->deadline <= now) watched->expire();
  }
  timer_.expires_after(std::chrono::seconds{1});
  timer_.async_wait([this](const boost::system::error_code& error) {
    // A timer that was due already does not know that it was cancelled.
    if (!error && running_) look();
  });
}

void DeadlineSweep::expire_idle() {
  ending_ = true;
  for (auto* watched : *watched_) {
    if (watched->idle) watched->expire();
  }
}

void DeadlineSweep::stop() {
  running_ = false;
  timer_.cancel();
}

}  // namespace hikyaku::io
