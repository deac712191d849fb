#pragma once
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace hikyaku::io {

/// The threads for what blocks: key derivation, reads of the store, getaddrinfo. Their number is fixed; work
/// waits in line in the order of arrival. Thread-safe.
class WorkerPool {
 public:
  /// `niceness`: how far these threads stand back behind the others when there is too little CPU time, 0
  /// to 19.
  explicit WorkerPool(std::size_t threads, int niceness = 0);
  /// One whose threads open nothing (io/thread_confinement.h): for what reads from outside.
  struct Confined {};
  WorkerPool(std::size_t threads, Confined);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Work must not throw. After stop() it is dropped.
  void post(std::move_only_function<void()> work);

  /// Runs `work` on the pool and resumes the caller on its own executor with the result. Name a capturing
  /// lambda before the co_await (docs/adr, and tools/check_co_await.py).
  template <class Work>
  boost::asio::awaitable<std::invoke_result_t<Work&>> run(Work work) {
    using Value = std::invoke_result_t<Work&>;
    auto initiate = [this](auto handler, Work task) {
      auto executor = boost::asio::get_associated_executor(handler);
      post([handler = std::move(handler), executor, task = std::move(task)]() mutable {
        auto value = task();
        boost::asio::post(executor, [handler = std::move(handler), value = std::move(value)]() mutable {
          handler(std::move(value));
        });
      });
    };
    co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(Value)>(
        std::move(initiate), boost::asio::use_awaitable, std::move(work));
  }

  /// What becomes of the work that waits.
  enum class Waiting : unsigned char { finish, drop };
  /// Ends the threads, after what they are at.
  void stop(Waiting waiting = Waiting::finish);

 private:
  void begin(std::size_t threads, const std::function<void()>& first);
  void work();

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::move_only_function<void()>> waiting_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace hikyaku::io
