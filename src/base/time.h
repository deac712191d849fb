#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace hikyaku {

/// A moment, in microseconds since 1970-01-01 UTC. Handed in to every decision; never asked for in one.
using Time = std::chrono::sys_time<std::chrono::microseconds>;

/// "2026-11-24T23:48:20Z"
std::string iso_text(Time time);
/// The same for the names of files: "2026-11-24T234820Z"
std::string file_name_text(Time time);
/// "Tue, 24 Nov 2026 23:48:20 +0000" (RFC 5322 s. 3.3)
std::string rfc5322_text(Time time);

/// A moment as people write it: "2026-11-24T23:48:20Z", with a space for the T, without the seconds or with
/// parts of them, and with an offset as "+09:00" for the Z, which one of both must be there. nullopt: it is
/// none.
std::optional<Time> parse_iso_time(std::string_view text);

/// Tells the time. The port for everything that must know it and is not a pure function.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;
};

}  // namespace hikyaku
