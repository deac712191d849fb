#pragma once
#include <cstdint>
#include <span>

namespace hikyaku {

/// Random octets fit for keys. The port; io has the system's, tests have a fixed one. Thread-safe.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<unsigned char> octets) = 0;
};

}  // namespace hikyaku
