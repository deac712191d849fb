#pragma once
#include <chrono>
#include <list>

#include "io/deadline.h"

namespace hikyaku::io {

/// A stream's place in the sweep.
struct DeadlineSweep::Watched {
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  bool expired = false;
  bool idle = false;  ///< nothing has begun: see DeadlineSweep::expire_idle()
  std::list<Watched*>::iterator place;

  virtual ~Watched() = default;
  /// Cancels what waits.
  virtual void expire() = 0;
};

}  // namespace hikyaku::io
