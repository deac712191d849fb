#include "io/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/this_coro.hpp>

#include "io/loopback.h"

namespace hikyaku::io {
namespace {

namespace asio = boost::asio;
using testing_support::Loopback;

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

}  // namespace
}  // namespace hikyaku::io
