#pragma once
#include <cstddef>
#include <cstdint>
#include <map>

namespace hikyaku::cmd {

/// Which octets of a file have come, in whatever order and however often.
class OctetRanges {
 public:
  /// Ranges that do not touch each other: beyond, add() refuses what touches none.
  static constexpr std::size_t kMost = 10'000;

  /// From `begin` to before `end`. False: there are too many holes already. O(log kMost), spread over calls.
  bool add(std::uint64_t begin, std::uint64_t end);
  /// How many octets they are.
  std::uint64_t total() const { return total_; }

 private:
  std::map<std::uint64_t, std::uint64_t> ends_;  // of each begin; none touches the next
  std::uint64_t total_ = 0;
};

}  // namespace hikyaku::cmd
