#pragma once
#include <rocksdb/compaction_filter.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

namespace hikyaku::io {

/// In a space with a lifetime each value ends in the second that it was written, four octets, big-endian. The
/// engine drops rows by it when it rewrites a table, which it does with each at the latest when all of it is
/// past its time.
constexpr std::size_t kStampSize = 4;
using Stamp = std::array<char, kStampSize>;

Stamp stamp(std::chrono::sys_seconds written);
/// False when `value` has no stamp or is still in its lifetime at `now`.
bool outlived(std::string_view value, std::chrono::seconds lifetime, std::chrono::sys_seconds now);

std::shared_ptr<rocksdb::CompactionFilterFactory> lifetime_filter(std::chrono::seconds lifetime);

}  // namespace hikyaku::io
