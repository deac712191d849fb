#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace hikyaku::io {

/// One intact batch of a log.
struct LogBatch {
  std::uint64_t offset = 0, end = 0;  ///< of its fragments
  std::uint64_t sequence = 0;
  std::uint32_t count = 0;    ///< of its rows
  std::string_view contents;  ///< with its header; valid during the call
};

/// A stretch of a log that holds no intact batch.
struct LogDamage {
  std::uint64_t offset = 0, end = 0;
  std::string reason;
  /// What stood in the records there, as far as their lengths can be believed: perhaps a batch with some
  /// wrong octets, perhaps rubbish. Good for telling people what may be lost, and for nothing else.
  std::string_view remains;
};

/// Gets what is in a log, in its order.
struct LogVisitor {
  std::function<void(const LogBatch&)> batch;
  std::function<void(const LogDamage&)> damage;
};

/// Goes through all of a log and past each damage in it: an intact record after one is found, also when the
/// length of the damaged one is wrong. A record that only looks like one, inside of a mail that was sent for
/// the purpose, is not taken: after a length that can't be believed only a chain of intact fragments up to
/// the end of the block counts, and sequence numbers must rise. An unfinished record at the end is a damage
/// too. Pure; O(size).
void walk_log(std::string_view log, const LogVisitor& visitor);

/// One row of a batch.
struct BatchRow {
  std::uint32_t family = 0;  ///< the column family's number
  std::string_view key;
  std::optional<std::string_view> value;  ///< nullopt: the row removes the key
};
/// The rows of a batch of puts and removals, in order. False when the batch is malformed, or holds what we
/// never write: the rows before that were handed out. Pure.
bool read_rows(std::string_view batch, const std::function<void(const BatchRow&)>& row);

}  // namespace hikyaku::io
