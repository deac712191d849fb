#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace hikyaku::io::log_format {

/// RocksDB's log: blocks of kBlock octets; in them fragments, each a header of kFragmentHeader octets
/// (checksum 4, length 2, type 1) and its payload; where no header fits any more, the block is filled with
/// zeros. The payloads of a record's fragments together are a batch: sequence number 8, count 4, rows.
inline constexpr std::size_t kBlock = 32768;
inline constexpr std::size_t kFragmentHeader = 7;
inline constexpr std::size_t kBatchHeader = 12;

enum FragmentType : unsigned char { kFull = 1, kFirst, kMiddle, kLast };

struct Fragment {
  FragmentType type;
  std::string_view payload;
  std::size_t end;  ///< offset in the log
  bool begins() const { return type == kFull || type == kFirst; }
  bool ends() const { return type == kFull || type == kLast; }
};

/// The fragment at an offset, or what is wrong there.
struct Look {
  std::optional<Fragment> fragment;
  std::string reason;
  bool cut = false;  ///< its octets end before it does
};
Look look_at(std::string_view log, std::size_t at);

/// Where the fragment at `at` would end by its length field, and what it would hold, whether or not its
/// checksum is right. nullopt: that is past its block.
std::optional<Fragment> claimed_at(std::string_view log, std::size_t at);

/// The offset itself, or past the padding at the end of its block.
std::size_t skip_padding(std::size_t at);

/// A CRC-32C as the engine stores it, of octets that may hold such themselves.
std::uint32_t masked(std::uint32_t sum);

/// A number of little-endian octets.
std::uint64_t little_endian(std::string_view octets);

/// What stands in front of the rows of each batch that we write, in the log alone: when it was written.
std::string time_mark(Time now);
/// When a batch was written; nullopt: no mark is in it.
std::optional<Time> written_at(std::string_view batch);

/// Appends a batch, header and all, as fragments.
void append_record(std::string& log, std::string_view batch);

}  // namespace hikyaku::io::log_format
