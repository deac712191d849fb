#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace hikyaku::io {

/// A value that many threads read all the time and one replaces now and then. A reader never waits: it
/// announces itself on a counter that it shares with few other threads, and uses the value that it finds. The
/// writer puts the new value in place at once, and destroys the old one when no reader can have it any more.
///
/// Why not std::atomic<std::shared_ptr>: its reference count is one cache line that all readers write, and
/// libstdc++ 12 takes a spin lock in it.
template <class T>
class ReadMostly {
 public:
  explicit ReadMostly(std::shared_ptr<const T> value) : owner_(std::move(value)), value_(owner_.get()) {}
  ReadMostly(const ReadMostly&) = delete;
  ReadMostly& operator=(const ReadMostly&) = delete;

  /// Calls `use` with the present value, which stays as it is meanwhile. `use` must be short, and must not
  /// call replace(). Thread-safe.
  template <class Use>
  auto read(const Use& use) const {
    std::atomic<std::uint32_t>& readers = stripe().readers[phase_.load() & 1U];
    readers.fetch_add(1);
    const Leave leave{readers};
    return use(*value_.load());
  }

  /// Puts `next` in the value's place; returns when nobody reads the old one any more. Blocks. Thread-safe.
  void replace(std::shared_ptr<const T> next) {
    const std::scoped_lock lock(writers_);
    const auto old = std::exchange(owner_, std::move(next));
    value_.store(owner_.get());
    // A reader that the loop below does not see announced itself after it looked, and so after the store
    // above: it has the new value. Readers of the old one may count in either phase, for one may have been
    // slow between reading the phase and counting itself. Turning the phase keeps those who come from making
    // the wait endless.
    for (int turn = 0; turn < 2; ++turn) {
      const std::uint32_t leaving = phase_.fetch_add(1) & 1U;
      for (const Stripe& stripe : stripes_) {
        while (stripe.readers[leaving].load() != 0)
          std::this_thread::sleep_for(std::chrono::microseconds(50));
      }
    }
  }

  /// The present value, to be kept as long as wanted. Waits for a replace() that is going on.
  std::shared_ptr<const T> share() const {
    const std::scoped_lock lock(writers_);
    return owner_;
  }

 private:
  struct alignas(64) Stripe {
    std::array<std::atomic<std::uint32_t>, 2> readers{};
  };
  struct Leave {
    std::atomic<std::uint32_t>& readers;
    ~Leave() { readers.fetch_sub(1); }
  };

  Stripe& stripe() const {
    // The address of a thread's own variable tells it from other threads at no cost.
    static thread_local const char mark = 0;
    const auto number =
        static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(&mark)) * 0x9e3779b97f4a7c15U;
    return stripes_[number >> 61];
  }

  mutable std::mutex writers_;
  std::shared_ptr<const T> owner_;
  std::atomic<const T*> value_;
  std::atomic<std::uint32_t> phase_{0};
  mutable std::array<Stripe, 8> stripes_;
};

}  // namespace hikyaku::io
