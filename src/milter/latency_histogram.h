#pragma once
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace hikyaku::milter {

/// How long a filter's answers take, in buckets from a tenth of a millisecond to five minutes: what
/// Prometheus calls a histogram. 200 octets, whatever is counted. Not thread-safe.
class LatencyHistogram {
 public:
  /// Upper bounds of the buckets, each included; what is longer than the last has a bucket of its own.
  static constexpr std::array<std::chrono::microseconds, 20> kBounds = [] {
    std::array<std::chrono::microseconds, 20> bounds{};
    constexpr int kMicroseconds[] = {100,        250,        500,        1'000,       2'500,
                                     5'000,      10'000,     25'000,     50'000,      100'000,
                                     250'000,    500'000,    1'000'000,  2'500'000,   5'000'000,
                                     10'000'000, 30'000'000, 60'000'000, 120'000'000, 300'000'000};
    for (std::size_t i = 0; i < bounds.size(); ++i) bounds[i] = std::chrono::microseconds{kMicroseconds[i]};
    return bounds;
  }();

  void add(std::chrono::microseconds took);
  std::uint64_t count() const { return count_; }
  std::chrono::microseconds sum() const { return sum_; }
  /// How many fell into each bucket, not added up; the last is of all that is longer.
  const std::array<std::uint64_t, kBounds.size() + 1>& buckets() const { return buckets_; }
  /// The time that `share` (0 to 1) of the answers did not take longer than: the bound of its bucket, or what
  /// lies between its bounds where the answers lie evenly. 0 without answers; at most the last bound.
  std::chrono::microseconds quantile(double share) const;

 private:
  std::array<std::uint64_t, kBounds.size() + 1> buckets_{};
  std::uint64_t count_ = 0;
  std::chrono::microseconds sum_{0};
};

}  // namespace hikyaku::milter
