#pragma once
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/time.h"
#include "greylist/configuration.h"

namespace hikyaku::greylist {

/// What the keys of `ratelimit` definitions have used within their periods, told apart in kParts of the
/// period: what was used longer ago than that is forgotten part by part. Bounded: beyond kLimit keys all are
/// forgotten, and counted anew. Thread-safe; time is handed in.
class RateCounters {
 public:
  static constexpr std::size_t kParts = 10;
  static constexpr std::size_t kLimit = 100'000;

  std::int64_t used(const RatelimitDefinition& definition, const std::string& key, Time now) const;
  void add(const RatelimitDefinition& definition, const std::string& key, std::int64_t amount, Time now);

 private:
  struct Counter {
    std::array<std::int64_t, kParts> parts{};
    std::int64_t newest = 0;  // the number of the part of time that was counted in last
  };
  static std::string place(const RatelimitDefinition& definition, const std::string& key);
  static std::int64_t part_of(const RatelimitDefinition& definition, Time now);

  mutable std::mutex mutex_;
  std::unordered_map<std::string, Counter> counters_;
};

}  // namespace hikyaku::greylist
