#include "io/deadline.h"

#include <gtest/gtest.h>

namespace hikyaku::io {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// Else a program whose last session ends in the moment of a look would never end.
TEST(DeadlineSweep, StopCountsAlsoWhenALookIsDue) {
  asio::io_context context;
  DeadlineSweep sweep(context);
  asio::steady_timer holds_up(context, milliseconds{990}), stops(context, milliseconds{995});
  sweep.start();
  const auto due = Clock::now() + milliseconds{1001};
  holds_up.async_wait([&](const boost::system::error_code&) {
    while (Clock::now() < due) continue;  // until the look is due as well, behind stop()
  });
  stops.async_wait([&](const boost::system::error_code&) { sweep.stop(); });
  context.run_for(std::chrono::seconds{5});
  EXPECT_TRUE(context.stopped());
}

}  // namespace
}  // namespace hikyaku::io
