#include "milter/message_spool.h"

namespace hikyaku::milter {

Result<void> BodyStore::append(std::string_view octets) {
  size_ += octets.size();
  if (!spooled_ && size_ <= in_memory_) {
    memory_ += octets;
    return {};
  }
  if (!spooled_) {
    spooled_ = true;
    auto moved = spool_.append(memory_);
    memory_ = {};
    if (!moved) return moved;
  }
  return spool_.append(octets);
}

Result<std::string> BodyStore::read(std::uint64_t offset, std::size_t size) const {
  if (spooled_) return spool_.read(offset, size);
  return memory_.substr(static_cast<std::size_t>(offset), size);
}

void BodyStore::clear() {
  memory_.clear();
  if (spooled_) spool_.clear();
  spooled_ = false;
  size_ = 0;
}

}  // namespace hikyaku::milter
