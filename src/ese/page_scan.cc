#include "ese/page_scan.h"

#include <algorithm>
#include <limits>

#include "base/escape.h"

namespace hikyaku::ese {
namespace {

constexpr std::size_t kWindow = 1 << 20;
constexpr std::uint64_t kHeaders = 2;  // page 1 stands behind both copies of the header

class Scan {
 public:
  Scan(std::size_t page_size, const PageScanEvents& events) : page_size_(page_size), events_(events) {}

  void window(RandomAccess& database, std::uint64_t offset, std::size_t octets) {
    const auto bytes = database.read(offset, octets);
    if (bytes && bytes->size() == octets) return pages(*bytes, offset);
    if (octets == page_size_) {
      counts_.pages++;
      counts_.unreadable++;
      const auto error = bytes ? Error{Fault::corrupt, "the file became shorter"} : bytes.error();
      if (events_.unreadable) events_.unreadable(number(offset), offset, error);
      return;
    }
    // One bad place of the disk must not hide the good pages around it.
    for (auto at = offset; at < offset + octets; at += page_size_) window(database, at, page_size_);
  }

  PageCounts& counts() { return counts_; }

 private:
  std::uint32_t number(std::uint64_t offset) const {
    return static_cast<std::uint32_t>(offset / page_size_ - (kHeaders - 1));
  }

  void pages(std::string_view bytes, std::uint64_t offset) {
    for (std::size_t at = 0; at < bytes.size(); at += page_size_) {
      const auto page = number(offset + at);
      count({page, offset + at, check_page(bytes.substr(at, page_size_), page)});
    }
  }

  void count(const PageFinding& page) {
    counts_.pages++;
    switch (page.check.state) {
      case PageCheck::State::good:
        counts_.good++;
        if (!page.check.ecc) counts_.old_format++;
        return;
      case PageCheck::State::uninitialized:
        counts_.uninitialized++;
        return;
      case PageCheck::State::corrected:
        counts_.corrected++;
        break;
      case PageCheck::State::misplaced:
        counts_.misplaced++;
        break;
      case PageCheck::State::bad:
        counts_.bad++;
        break;
    }
    if (events_.found) events_.found(page);
  }

  std::size_t page_size_;
  const PageScanEvents& events_;
  PageCounts counts_;
};

}  // namespace

Result<PageCounts> scan_pages(RandomAccess& database, std::size_t page_size, const PageScanEvents& events) {
  if (!is_page_size(page_size)) {
    return fail(Fault::corrupt,
                escaped(database.name()) + ": " + std::to_string(page_size) + " is no page size of ESE");
  }
  const auto size = database.size();
  if (size / page_size > std::numeric_limits<std::uint32_t>::max()) {
    return fail(Fault::corrupt, escaped(database.name()) + ": more pages than a page number can count");
  }
  Scan scan(page_size, events);
  const auto end = size / page_size * page_size;
  for (auto at = kHeaders * page_size; at < end;) {
    const auto octets = static_cast<std::size_t>(std::min<std::uint64_t>(kWindow, end - at));
    scan.window(database, at, octets);
    at += octets;
    if (events.progress) events.progress(at);
  }
  scan.counts().octets_over = size - end;
  return scan.counts();
}

}  // namespace hikyaku::ese
