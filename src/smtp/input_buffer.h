#pragma once
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace hikyaku::smtp {

/// Octets that arrived and are not used up yet. Takes them in any cuts without going over the same octet
/// twice. An empty buffer can give its memory back, for the many connections that wait. Not thread-safe.
class InputBuffer {
 public:
  InputBuffer() = default;
  InputBuffer(InputBuffer&& other) noexcept { swap(other); }
  InputBuffer& operator=(InputBuffer&& other) noexcept {
    InputBuffer(std::move(other)).swap(*this);
    return *this;
  }

  /// Room for at least `size` more octets. Views from before are void.
  std::span<char> prepare(std::size_t size);
  /// `size` octets were written into the room.
  void commit(std::size_t size) { end_ += size; }
  void append(std::string_view octets) {
    if (octets.empty()) return;
    std::memcpy(prepare(octets.size()).data(), octets.data(), octets.size());
    commit(octets.size());
  }

  /// What is there, in order. Valid until prepare(), append() or release().
  std::string_view view() const { return {data_.get() + begin_, end_ - begin_}; }
  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  /// Octets up to and with the first LF, kNone when there is none yet. Goes on where the last call stopped.
  std::size_t line_size();

  /// The first `size` octets are done with.
  void consume(std::size_t size) {
    begin_ += size;
    searched_ = searched_ > size ? searched_ - size : 0;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  void clear() { begin_ = end_ = searched_ = 0; }
  /// Gives the memory back if nothing is in it and it is more than `keep`.
  void release(std::size_t keep = 0) {
    if (!empty() || capacity_ <= keep) return;
    data_.reset();
    capacity_ = 0;
    clear();
  }

 private:
  void swap(InputBuffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(capacity_, other.capacity_);
    std::swap(begin_, other.begin_);
    std::swap(end_, other.end_);
    std::swap(searched_, other.searched_);
  }

  std::unique_ptr<char[]> data_;
  std::size_t capacity_ = 0, begin_ = 0, end_ = 0;
  std::size_t searched_ = 0;  // octets of view() known to hold no LF
};

}  // namespace hikyaku::smtp
