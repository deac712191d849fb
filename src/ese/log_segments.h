#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ese/common_fields.h"
#include "ese/log_header.h"
#include "ese/random_access.h"

namespace hikyaku::ese {

/// What the sectors of one log of format 8 tell.
struct SegmentReport {
  enum class State : std::uint8_t {
    ok,
    torn,     ///< the last sector was not written whole and its shadow copy is: recovery mends it
    corrupt,  ///< JET -501
  };
  State state = State::ok;
  std::uint64_t sector = 0;                ///< when not ok: the first bad one; its offset is this times 4096
  std::string reason;                      ///< when not ok
  std::uint64_t stored = 0, computed = 0;  ///< checksums of that sector; 0 when these are not what is wrong
  std::uint32_t good = 0, empty = 0;       ///< sectors; a mended one is good
  std::uint32_t corrected_bits = 0;        ///< single wrong bits that the checksums tell how to mend
  std::uint64_t accumulated = 0;           ///< the XOR of the checksums of all good sectors
  LogPosition end;                         ///< behind the last good sector
};

/// Checks the sectors of `log`, whose header is `header` (with has_segments()): each one's checksum and
/// position, and that nothing stands behind the first empty one. Reads in windows of at most 1 MiB. Fails
/// only when the medium can't be read.
Result<SegmentReport> check_segments(RandomAccess& log, const LogHeader& header);

}  // namespace hikyaku::ese
