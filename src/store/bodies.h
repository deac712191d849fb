#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/kv.h"
#include "base/result.h"
#include "record/message_record.h"

namespace hikyaku::store {

/// Counts, while a batch is composed, how many messages more or less have a body, and writes the counts.
/// A body of one message alone has no count; MessageRecord::shared tells that it has.
class BodyChanges {
 public:
  BodyChanges(const Kv& kv, Kv::Batch& batch) : kv_(kv), batch_(batch) {}
  /// One more message has the body of `message`. The caller stores every record of it with `shared` set.
  Result<void> share(const record::MessageRecord& message);
  /// One less.
  Result<void> release(const record::MessageRecord& message);
  /// Writes the counts, and removes the bodies and envelopes that nobody has any more. Appends the blobs of
  /// such: to be removed after the commit.
  void finish(std::vector<std::string>& unused_blobs);

 private:
  struct Body {
    std::uint64_t count = 1;
    bool counted = false;  // its count has a row
    std::string blob;
  };
  Result<Body*> body_of(const record::MessageRecord& message);
  const Kv& kv_;
  Kv::Batch& batch_;
  std::map<std::string, Body> bodies_;
};

/// The stored form of a count.
std::string count_value(std::uint64_t count);

}  // namespace hikyaku::store
