#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::milter {

/// A file for what is too large to be kept in memory. The port of the multiplexer's owner, who makes the file
/// when it is first appended to. Its calls may block.
class MessageSpool {
 public:
  virtual ~MessageSpool() = default;
  virtual Result<void> append(std::string_view octets) = 0;
  /// All `size` octets from `offset` on, which were appended before.
  virtual Result<std::string> read(std::uint64_t offset, std::size_t size) = 0;
  /// What was appended is not needed any more: the next append begins at offset 0.
  virtual void clear() = 0;
};

/// The bodies of one message, the first and those that filters put in its place, one behind the other: in
/// memory up to a limit, in the spool from there on. Not thread-safe.
class BodyStore {
 public:
  /// A body, or what there is of it.
  struct Extent {
    std::uint64_t offset = 0, size = 0;
  };

  /// Keeps at most `in_memory` octets, and one append.
  BodyStore(MessageSpool& spool, std::size_t in_memory) : spool_(spool), in_memory_(in_memory) {}
  BodyStore(const BodyStore&) = delete;
  BodyStore& operator=(const BodyStore&) = delete;

  Result<void> append(std::string_view octets);
  /// Fails as the spool does.
  Result<std::string> read(std::uint64_t offset, std::size_t size) const;
  std::uint64_t size() const { return size_; }
  bool spooled() const { return spooled_; }
  void clear();

 private:
  MessageSpool& spool_;
  std::size_t in_memory_;
  std::string memory_;
  std::uint64_t size_ = 0;
  bool spooled_ = false;
};

}  // namespace hikyaku::milter
