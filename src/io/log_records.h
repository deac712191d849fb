#pragma once
// For tests only: logs as RocksDB writes them.
#include <cstdint>
#include <string>
#include <vector>

#include "io/log_format.h"

namespace hikyaku::io::testing_support {

inline std::string little_endian_octets(std::uint64_t value, int octets) {
  std::string out;
  for (int i = 0; i < octets; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}

class LogRecords {
 public:
  /// A batch of `octets` octets that stand for its rows.
  void batch(std::uint64_t sequence, std::uint32_t count, std::size_t octets, char filling = 'x') {
    log_format::append_record(log_, little_endian_octets(sequence, 8) + little_endian_octets(count, 4) +
                                        std::string(octets, filling));
    ends_.push_back(log_.size());
  }
  const std::string& log() const { return log_; }
  const std::vector<std::size_t>& ends() const { return ends_; }

 private:
  std::string log_;
  std::vector<std::size_t> ends_;
};

/// Twelve batches of two rows from `sequence` on: small ones, one over three blocks, one that leaves no room
/// for a header in its block.
inline LogRecords some_log(std::uint64_t sequence = 100) {
  LogRecords out;
  for (int i = 0; i < 12; ++i) {
    out.batch(sequence, 2,
              i == 4   ? 70000
              : i == 7 ? 32768 * 3 - out.log().size() % 32768 - 12 - 7 * 3 - 3
                       : 40);
    sequence += 2;
  }
  return out;
}

}  // namespace hikyaku::io::testing_support
