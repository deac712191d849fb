#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>

#include "io/log_check.h"

namespace hikyaku::serve {

/// Progress as rows of an answer, {"done": N, "all": N}, one a second at most. Who asked may go: the work is
/// wanted all the same. Lives as long as `row`.
inline io::Progress progress_rows(const std::function<bool(const nlohmann::json&)>& row) {
  static constexpr std::chrono::seconds kPause{1};
  return [&row, next = std::chrono::steady_clock::now() + kPause](std::uint64_t done,
                                                                  std::uint64_t all) mutable {
    if (std::chrono::steady_clock::now() < next) return;
    next = std::chrono::steady_clock::now() + kPause;
    (void)row({{"done", done}, {"all", all}});
  };
}

}  // namespace hikyaku::serve
