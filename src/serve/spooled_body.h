#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/blob.h"
#include "base/result.h"

namespace hikyaku::serve {

/// The body of a message that is arriving: in memory while it is small, in a blob from the moment that it
/// grows past the limit. Never holds more than limit + what was appended since the last write_out().
/// Destroyed before finish() it leaves nothing behind. One thread at a time.
class SpooledBody {
 public:
  SpooledBody(Blob& blob, std::string blob_name, std::size_t memory_limit)
      : blob_(blob), blob_name_(std::move(blob_name)), memory_limit_(memory_limit) {}

  void reserve(std::size_t octets) { memory_.reserve(octets < memory_limit_ ? octets : memory_limit_); }
  /// Takes octets; never blocks.
  void append(std::string_view octets) {
    memory_ += octets;
    size_ += octets.size();
  }
  /// Tells that write_out() is due.
  bool over_limit() const { return memory_.size() > memory_limit_; }
  /// Moves what is in memory to the blob, which it begins when there is none. Blocks: call it on the pool.
  Result<void> write_out();
  /// Makes the blob durable. Blocks when there is one.
  Result<void> finish();
  /// At most `length` octets from `offset` of a body that is in a blob, and all of it there (write_out()).
  /// Blocks.
  Result<std::string> read(std::uint64_t offset, std::size_t length) const {
    return writer_->read_back(offset, length);
  }

  bool in_blob() const { return writer_ != nullptr; }
  const std::string& blob_name() const { return blob_name_; }
  /// The octets of a body that stayed in memory.
  std::string& memory() { return memory_; }
  const std::string& memory() const { return memory_; }
  std::uint64_t size() const { return size_; }

 private:
  Blob& blob_;
  std::string blob_name_;
  std::size_t memory_limit_;
  std::string memory_;
  std::uint64_t size_ = 0;
  std::unique_ptr<Blob::Writer> writer_;
};

}  // namespace hikyaku::serve
