#pragma once
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "io/content_hash.h"
#include "store/store.h"

namespace hikyaku::serve {

/// Which contents the messages of a mailbox have, to tell whether it has one already. Memory: a few octets a
/// message, and 32 for each whose size was asked for.
class KnownMessages {
 public:
  /// Reads the index of the mailbox, no bodies. O(messages).
  static Result<KnownMessages> of(const store::Store& store, std::string mailbox);
  /// Reads the messages of this size, once. One that can't be read is as one that is not there.
  bool contains(const store::Store& store, std::uint64_t size, const io::ContentHash::Value& hash);
  void add(std::uint64_t size, const io::ContentHash::Value& hash);

 private:
  struct OfSize {
    std::vector<store::Uid> unread;
    std::vector<io::ContentHash::Value> hashes;
  };
  explicit KnownMessages(std::string mailbox) : mailbox_(std::move(mailbox)) {}
  std::string mailbox_;
  std::unordered_map<std::uint64_t, OfSize> sizes_;
};

}  // namespace hikyaku::serve
