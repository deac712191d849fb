#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::io {

/// What stands behind the octets of a body's file: "hikyaku body 1\n" with a NUL, their number (8,
/// little-endian) and their CRC-32C (4), and the CRC-32C of these 28 (4). Files of before have none.
struct BlobTrailer {
  static constexpr std::size_t kSize = 32;
  std::uint64_t octets = 0;
  std::uint32_t checksum = 0;
  bool damaged = false;  ///< it is one, and not all of it is right: what it says of the octets does not count
  std::string text() const;
  /// Reads the last kSize octets of a file of `file_size`. One that is damaged in one place is still known by
  /// the rest of it, so that it is not taken for a part of the body. nullopt: there is none.
  static std::optional<BlobTrailer> parse(std::string_view end, std::uint64_t file_size);
  bool operator==(const BlobTrailer&) const = default;
};

/// Compares a body's file, taken in pieces from its begin to its end, with what stands behind its octets.
class BlobCheck {
 public:
  void take(std::string_view octets);
  /// What the body's octets are. Fault::corrupt: they are not what was written; `path` names the file. One of
  /// before has nothing to compare with.
  Result<BlobTrailer> end(const std::string& path) const;

 private:
  std::uint64_t size_ = 0;  // of the file so far
  std::uint32_t sum_ = 0;   // but for the end
  std::string end_;         // the last octets, at most BlobTrailer::kSize
};

}  // namespace hikyaku::io
