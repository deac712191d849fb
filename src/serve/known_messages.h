#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "io/content_hash.h"
#include "store/store.h"

namespace hikyaku::serve {

/// Which contents the messages of a mailbox have, to tell whether it has one already. Memory: a few octets a
/// message, and about 60 for each whose size was asked for.
class KnownMessages {
 public:
  /// Reads the index of the mailbox, no bodies. O(messages).
  static Result<KnownMessages> of(const store::Store& store, std::string mailbox);
  /// Reads the messages of this size, once. One that can't be read is as one that is not there.
  bool contains(const store::Store& store, std::uint64_t size, const io::ContentHash::Value& hash);
  void add(std::uint64_t size, const io::ContentHash::Value& hash);

 private:
  /// It is a hash already: any octets of it will do.
  struct FirstOctets {
    std::size_t operator()(const io::ContentHash::Value& hash) const {
      std::size_t value = 0;
      std::memcpy(&value, hash.data(), sizeof value);
      return value;
    }
  };
  struct OfSize {
    std::vector<store::Uid> unread;
    std::unordered_set<io::ContentHash::Value, FirstOctets> hashes;
  };
  explicit KnownMessages(std::string mailbox) : mailbox_(std::move(mailbox)) {}
  std::string mailbox_;
  std::unordered_map<std::uint64_t, OfSize> sizes_;
};

}  // namespace hikyaku::serve
