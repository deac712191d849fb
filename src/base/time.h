#pragma once
#include <chrono>
#include <string>

namespace hikyaku {

/// A moment, in microseconds since 1970-01-01 UTC. Handed in to every decision; never asked for in one.
using Time = std::chrono::sys_time<std::chrono::microseconds>;

/// "2026-11-24T23:48:20Z"
std::string iso_text(Time time);
/// "Tue, 24 Nov 2026 23:48:20 +0000" (RFC 5322 s. 3.3)
std::string rfc5322_text(Time time);

/// Tells the time. The port for everything that must know it and is not a pure function.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;
};

}  // namespace hikyaku
