#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>

namespace hikyaku::serve {

/// Progress as rows {"done": N, "all": N} of an answer, one a second at most. Who asked may go: the work is
/// wanted all the same. `row` outlives what it gives.
inline std::function<void(std::uint64_t, std::uint64_t)> progress_rows(
    const std::function<bool(const nlohmann::json&)>& row) {
  static constexpr std::chrono::seconds kPause{1};
  return [&row, next = std::chrono::steady_clock::now() + kPause](std::uint64_t done,
                                                                  std::uint64_t all) mutable {
    if (std::chrono::steady_clock::now() < next) return;
    next = std::chrono::steady_clock::now() + kPause;
    (void)row({{"done", done}, {"all", all}});
  };
}

}  // namespace hikyaku::serve
