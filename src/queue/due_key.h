#pragma once
#include <cstdint>
#include <string>

#include "record/queue_entry.h"
#include "record/queue_id.h"

namespace hikyaku::queue {

/// Held messages stand behind every time, so that due() never meets them and they can be counted.
constexpr std::uint64_t kHeldTime = UINT64_MAX;

inline std::string number_key(std::uint64_t value) { return record::QueueId(value).key(); }

/// In microseconds since 1970.
inline std::uint64_t due_time(const record::QueueEntry& entry) {
  if (entry.hold) return kHeldTime;
  const auto micros = entry.next_attempt.time_since_epoch().count();
  return micros > 0 ? static_cast<std::uint64_t>(micros) : 0;
}
/// Of a row in the index of due times.
inline std::string due_key(std::uint64_t time, record::QueueId id) { return number_key(time) + id.key(); }
inline std::string due_key(const record::QueueEntry& entry) { return due_key(due_time(entry), entry.id); }

}  // namespace hikyaku::queue
