#include "smtp/input_buffer.h"

#include <algorithm>

namespace hikyaku::smtp {

namespace {
constexpr std::size_t kSmallest = 1024;
}  // namespace

std::span<char> InputBuffer::prepare(std::size_t size) {
  if (capacity_ - end_ < size) {
    const auto held = end_ - begin_;
    if (capacity_ >= held + size && begin_ >= held) {
      std::memcpy(data_.get(), data_.get() + begin_, held);
    } else {
      // Doubling keeps the copying linear in what arrives, however small the pieces are.
      const auto capacity = std::max({kSmallest, held + size, std::min(2 * capacity_, 2 * (held + size))});
      auto larger = std::make_unique_for_overwrite<char[]>(capacity);
      if (held > 0) std::memcpy(larger.get(), data_.get() + begin_, held);
      data_ = std::move(larger);
      capacity_ = capacity;
    }
    begin_ = 0;
    end_ = held;
  }
  return {data_.get() + end_, capacity_ - end_};
}

std::size_t InputBuffer::line_size() {
  const auto held = view();
  if (searched_ >= held.size()) return kNone;
  const auto found = held.find('\n', searched_);
  if (found == std::string_view::npos) {
    searched_ = held.size();
    return kNone;
  }
  searched_ = found;
  return found + 1;
}

}  // namespace hikyaku::smtp
