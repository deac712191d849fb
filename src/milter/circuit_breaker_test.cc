#include "milter/circuit_breaker.h"

#include <gtest/gtest.h>

namespace hikyaku::milter {
namespace {

using std::chrono::seconds;
using Leave = CircuitBreaker::Leave;
using State = CircuitBreaker::State;

class CircuitBreakerTest : public testing::Test {
 protected:
  void advance(seconds by) { now += by; }
  Leave ask() { return breaker.ask(now); }
  void fail(int times = 1) {
    for (int i = 0; i < times; ++i) breaker.failed(Leave::granted, now);
  }
  void succeed(int times = 1) {
    for (int i = 0; i < times; ++i) breaker.succeeded(Leave::granted, now);
  }
  State state() const { return breaker.state(now); }

  CircuitBreaker::Moment now{seconds{1000}};
  CircuitBreaker breaker{{.in_a_row = 3,
                          .percent = 50,
                          .least = 10,
                          .window = seconds{60},
                          .open_for = seconds{10},
                          .open_at_most = seconds{30}}};
};

TEST_F(CircuitBreakerTest, is_closed_at_first) {
  EXPECT_EQ(state(), State::closed);
  EXPECT_EQ(ask(), Leave::granted);
}

TEST_F(CircuitBreakerTest, opens_after_so_many_failures_in_a_row) {
  fail(2);
  EXPECT_EQ(ask(), Leave::granted);
  fail();
  EXPECT_EQ(state(), State::open);
  EXPECT_EQ(ask(), Leave::refused);
  EXPECT_EQ(breaker.openings(), 1U);
}

TEST_F(CircuitBreakerTest, a_success_between_failures_begins_the_row_anew) {
  fail(2), succeed(), fail(2);
  EXPECT_EQ(state(), State::closed);
}

TEST_F(CircuitBreakerTest, opens_at_a_share_of_failures_within_the_window) {
  for (int i = 0; i < 4; ++i) succeed(), fail();
  EXPECT_EQ(state(), State::closed) << "eight uses are too few to tell";
  succeed(), fail();
  EXPECT_EQ(state(), State::open);
}

TEST_F(CircuitBreakerTest, what_left_the_window_does_not_count) {
  for (int i = 0; i < 4; ++i) succeed(), fail();
  advance(seconds{61});
  succeed(), fail();
  EXPECT_EQ(state(), State::closed);
}

TEST_F(CircuitBreakerTest, is_half_open_for_one_probe_at_a_time) {
  fail(3);
  advance(seconds{10});
  EXPECT_EQ(state(), State::half_open);
  EXPECT_EQ(ask(), Leave::probe);
  EXPECT_EQ(ask(), Leave::refused);
}

TEST_F(CircuitBreakerTest, a_good_probe_closes_it_and_the_past_is_forgotten) {
  fail(3);
  advance(seconds{10});
  ASSERT_EQ(ask(), Leave::probe);
  breaker.succeeded(Leave::probe, now);
  EXPECT_EQ(state(), State::closed);
  fail(2);
  EXPECT_EQ(state(), State::closed);
}

TEST_F(CircuitBreakerTest, each_failed_probe_doubles_the_pause_up_to_the_limit) {
  fail(3);
  seconds pause{10};
  for (const int next : {20, 30, 30}) {
    advance(pause);
    ASSERT_EQ(ask(), Leave::probe);
    breaker.failed(Leave::probe, now);
    pause = seconds{next};
    advance(pause - seconds{1});
    EXPECT_EQ(ask(), Leave::refused);
    advance(seconds{1} - pause);
  }
  EXPECT_EQ(breaker.openings(), 1U);
}

TEST_F(CircuitBreakerTest, an_opening_after_a_recovery_has_the_first_pause_again) {
  fail(3);
  advance(seconds{10});
  ASSERT_EQ(ask(), Leave::probe);
  breaker.failed(Leave::probe, now);
  advance(seconds{20});
  ASSERT_EQ(ask(), Leave::probe);
  breaker.succeeded(Leave::probe, now);
  fail(3);
  advance(seconds{10});
  EXPECT_EQ(ask(), Leave::probe);
  EXPECT_EQ(breaker.openings(), 2U);
}

TEST_F(CircuitBreakerTest, outcomes_of_older_connections_do_not_move_an_open_one) {
  fail(3);
  succeed(5);
  EXPECT_EQ(state(), State::open);
  fail(5);
  advance(seconds{10});
  EXPECT_EQ(ask(), Leave::probe) << "nor make its pause longer";
}

TEST_F(CircuitBreakerTest, a_probe_that_tells_nothing_gives_its_place_to_another) {
  fail(3);
  advance(seconds{10});
  ASSERT_EQ(ask(), Leave::probe);
  advance(seconds{9});
  EXPECT_EQ(ask(), Leave::refused);
  advance(seconds{1});
  EXPECT_EQ(ask(), Leave::probe);
}

TEST(CircuitBreaker, zeros_keep_it_closed) {
  CircuitBreaker breaker({.in_a_row = 0, .percent = 0});
  const CircuitBreaker::Moment now{seconds{5}};
  for (int i = 0; i < 100; ++i) breaker.failed(Leave::granted, now);
  EXPECT_EQ(breaker.state(now), State::closed);
}

}  // namespace
}  // namespace hikyaku::milter
