#pragma once
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "ese/common_fields.h"

namespace hikyaku::ese {

/// The header of a log file: what `eseutil /ml` shows first. All fields as stored.
struct LogHeader {
  /// The header's own size, and that of the sectors of format 8.
  static constexpr std::size_t kOctets = 4096;

  std::uint32_t checksum = 0;
  std::int32_t generation = 0;
  std::uint16_t sector_size = 0;                       ///< octets
  std::uint16_t header_sectors = 0, file_sectors = 0;  ///< the last ones include the header's
  std::uint16_t page_size = 0;                         ///< octets, of the databases
  LogTime created, previous_created;                   ///< of this and of the generation before
  std::uint32_t major = 0, minor = 0, update = 0;
  Signature signature;
  EngineParameters engine;
  bool reserve = false, circular = false;
  LogPosition checkpoint;  ///< as it was when this log was begun
  std::uint64_t previous_segments =
      0;  ///< the XOR of all segment checksums of the log before; 0: not recorded

  /// Format 8 has a checksum in each sector; the formats before have them in records, which are not looked
  /// at.
  bool has_segments() const { return major >= 8; }

  /// `beginning` is the file's first kOctets. Fails with Fault::corrupt, naming the offset and what was
  /// expected, when it is cut, not a log file, or damaged. `name` is what errors call the file.
  static Result<LogHeader> parse(std::string_view beginning, std::string_view name);
};

}  // namespace hikyaku::ese
