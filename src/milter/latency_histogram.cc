#include "milter/latency_histogram.h"

#include <algorithm>

namespace hikyaku::milter {

void LatencyHistogram::add(std::chrono::microseconds took) {
  const auto bucket = std::ranges::lower_bound(kBounds, took) - kBounds.begin();
  ++buckets_[static_cast<std::size_t>(bucket)];
  ++count_;
  sum_ += took;
}

std::chrono::microseconds LatencyHistogram::quantile(double share) const {
  const auto wanted = std::clamp(share, 0.0, 1.0) * static_cast<double>(count_);
  double before = 0;
  for (std::size_t i = 0; i < kBounds.size(); ++i) {
    const auto here = static_cast<double>(buckets_[i]);
    if (here > 0 && before + here >= wanted) {
      const auto low = i == 0 ? 0.0 : static_cast<double>(kBounds[i - 1].count());
      const auto high = static_cast<double>(kBounds[i].count());
      return std::chrono::microseconds{
          static_cast<std::int64_t>(low + (high - low) * (wanted - before) / here)};
    }
    before += here;
  }
  return count_ == 0 ? std::chrono::microseconds{0} : kBounds.back();
}

}  // namespace hikyaku::milter
