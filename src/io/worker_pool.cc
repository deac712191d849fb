#include "io/worker_pool.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "io/thread_confinement.h"

namespace hikyaku::io {

WorkerPool::WorkerPool(std::size_t threads, int niceness) {
  begin(threads, [niceness] {
    // Of this thread alone: Linux keeps the value for each. Without it the work is done all the same.
    if (niceness != 0) (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), niceness);
  });
}

WorkerPool::WorkerPool(std::size_t threads, Confined) {
  begin(threads, [] {
    (void)::prctl(PR_SET_NAME, "reader");
    (void)confine_thread();  // where it can't be, that is told of the connections' threads
  });
}

void WorkerPool::begin(std::size_t threads, const std::function<void()>& first) {
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this, first] {
      first();
      work();
    });
  }
}

WorkerPool::~WorkerPool() { stop(); }

void WorkerPool::post(std::move_only_function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    waiting_.push_back(std::move(work));
  }
  arrived_.notify_one();
}

void WorkerPool::stop(Waiting waiting) {
  std::deque<std::move_only_function<void()>> dropped;  // destroyed without the lock
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (waiting == Waiting::drop) dropped.swap(waiting_);
  }
  dropped.clear();
  arrived_.notify_all();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void WorkerPool::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    arrived_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    auto next = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    next();
    next = nullptr;
    lock.lock();
  }
}

}  // namespace hikyaku::io
