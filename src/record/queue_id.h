#pragma once
#include <atomic>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace hikyaku::record {

/// The name of a message in the queue: microseconds since 1970, made unique by IdSource. Ids sort by arrival,
/// as numbers, as text() and as key().
class QueueId {
 public:
  QueueId() = default;
  explicit constexpr QueueId(std::uint64_t value) : value_(value) {}

  /// Reads what text() prints. Fails with Fault::malformed. Pure; O(size).
  static Result<QueueId> parse(std::string_view text);
  /// Reads what key() makes; empty when it is not eight octets.
  static std::optional<QueueId> from_key(std::string_view key);

  /// The shape of Postfix's long queue ids, for people's tools: at least six digits of seconds and four of
  /// microseconds in base 52 (digits and consonants), then "z0" in the place of the inode number.
  std::string text() const;
  /// Eight octets, big-endian.
  std::string key() const;
  std::uint64_t value() const { return value_; }
  /// The moment that the id was made from; IdSource may be ahead of the clock.
  Time time() const { return Time{std::chrono::microseconds{static_cast<std::int64_t>(value_)}}; }
  auto operator<=>(const QueueId&) const = default;

 private:
  std::uint64_t value_ = 0;
};

/// Hands out ids that only grow. Thread-safe, without locks.
class IdSource {
 public:
  /// All ids will be above `last`: the highest that was ever given (queue::Queue::last_id()).
  explicit IdSource(QueueId last = {}) : last_(last.value()) {}
  /// `now` in microseconds, or one more than the last id when the clock has not moved or went back.
  QueueId next(Time now);

 private:
  std::atomic<std::uint64_t> last_;
};

}  // namespace hikyaku::record
