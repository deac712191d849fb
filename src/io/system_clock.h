#pragma once
#include "base/time.h"

namespace hikyaku::io {

/// The machine's clock.
class SystemClock : public Clock {
 public:
  Time now() const override {
    return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  }
};

}  // namespace hikyaku::io
