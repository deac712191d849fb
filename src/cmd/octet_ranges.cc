#include "cmd/octet_ranges.h"

#include <algorithm>
#include <iterator>

namespace hikyaku::cmd {

bool OctetRanges::add(std::uint64_t begin, std::uint64_t end) {
  if (begin >= end) return true;
  auto next = ends_.upper_bound(begin);
  if (next != ends_.begin() && std::prev(next)->second >= begin) --next;
  const bool apart = next == ends_.end() || next->first > end;
  if (apart && ends_.size() == kMost) return false;
  while (next != ends_.end() && next->first <= end) {
    begin = std::min(begin, next->first);
    end = std::max(end, next->second);
    total_ -= next->second - next->first;
    next = ends_.erase(next);
  }
  ends_.emplace_hint(next, begin, end);
  total_ += end - begin;
  return true;
}

}  // namespace hikyaku::cmd
