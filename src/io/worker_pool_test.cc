#include "io/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/this_coro.hpp>
#include <future>
#include <memory>

#include "io/loopback.h"

namespace hikyaku::io {
namespace {

namespace asio = boost::asio;
using hikyaku::testing_support::Loopback;

struct Places {
  std::thread::id worked, resumed;
  int value = 0;
};

asio::awaitable<void> work_elsewhere(WorkerPool& pool, Places& places) {
  auto work = [&places] {
    places.worked = std::this_thread::get_id();
    return 42;
  };
  places.value = co_await pool.run(std::move(work));
  places.resumed = std::this_thread::get_id();
}

TEST(WorkerPool, WorksElsewhereAndComesBack) {
  Loopback loop;
  WorkerPool pool(2);
  Places places;
  loop.spawn(work_elsewhere(pool, places));
  loop.run();
  EXPECT_EQ(places.value, 42);
  EXPECT_NE(places.worked, std::this_thread::get_id());
  EXPECT_EQ(places.resumed, std::this_thread::get_id());
}

asio::awaitable<void> move_a_value(WorkerPool& pool, std::string& got) {
  auto work = [text = std::make_unique<std::string>("moved, not copied")] { return std::move(*text); };
  got = co_await pool.run(std::move(work));
}

TEST(WorkerPool, CarriesWhatCanOnlyBeMoved) {
  Loopback loop;
  WorkerPool pool(1);
  std::string got;
  loop.spawn(move_a_value(pool, got));
  loop.run();
  EXPECT_EQ(got, "moved, not copied");
}

TEST(WorkerPool, FinishesWhatWaitsBeforeItStops) {
  WorkerPool pool(1);
  std::atomic<int> done{0};
  for (int i = 0; i < 100; ++i) pool.post([&done] { ++done; });
  pool.stop();
  EXPECT_EQ(done, 100);
  pool.post([&done] { ++done; });
  pool.stop();
  EXPECT_EQ(done, 100) << "after the stop nothing is begun";
}

TEST(WorkerPool, DropsWhatWaitsWhenItIsToldTo) {
  WorkerPool pool(1);
  std::promise<void> begun;
  std::promise<void> go_on;
  std::promise<void> dropped;
  std::atomic<int> done{0};
  pool.post([&] {
    begun.set_value();
    go_on.get_future().wait();
    ++done;
  });
  begun.get_future().wait();
  const auto tell = [&dropped](const int* token) {
    delete token;
    dropped.set_value();
  };
  std::shared_ptr<const int> token(new int(0), tell);
  for (int i = 0; i < 100; ++i) pool.post([&done, token] { ++done; });
  token.reset();
  std::thread ending([&pool] { pool.stop(WorkerPool::Waiting::drop); });
  dropped.get_future().wait();  // while what was begun goes on
  go_on.set_value();
  ending.join();
  EXPECT_EQ(done, 1);
}

}  // namespace
}  // namespace hikyaku::io
