#pragma once
#include <cstdint>
#include <functional>

#include "base/result.h"
#include "ese/page_checksum.h"
#include "ese/random_access.h"

namespace hikyaku::ese {

/// One page that is not as it should be.
struct PageFinding {
  std::uint32_t page = 0;
  std::uint64_t offset = 0;  ///< in the file
  PageCheck check;
};

/// What scan_pages() counted.
struct PageCounts {
  std::uint64_t pages = 0;  ///< all of the below
  std::uint64_t good = 0, uninitialized = 0, corrected = 0, misplaced = 0, bad = 0;
  std::uint64_t old_format = 0;   ///< of the good ones
  std::uint64_t unreadable = 0;   ///< the medium gave an error
  std::uint64_t octets_over = 0;  ///< behind the last whole page: the file was cut, or is being written

  /// Whether there is anything that the engine can't mend by itself.
  bool damaged() const { return misplaced + bad + unreadable + octets_over > 0; }
};

struct PageScanEvents {
  /// Each page that is corrected, misplaced or bad, in order.
  std::function<void(const PageFinding&)> found;
  /// Pages that the medium would not give: their number, offset and its error.
  std::function<void(std::uint32_t page, std::uint64_t offset, const Error&)> unreadable;
  /// About once a MiB: octets done.
  std::function<void(std::uint64_t done)> progress;
};

/// Checks every page of `database` whose pages have `page_size` octets, in windows of at most 1 MiB. A page's
/// number is 32 bits: fails with Fault::corrupt when there are more, or when `page_size` is none.
Result<PageCounts> scan_pages(RandomAccess& database, std::size_t page_size, const PageScanEvents& events);

}  // namespace hikyaku::ese
