#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/kv.h"
#include "base/result.h"
#include "record/mailbox_rows.h"
#include "record/message_record.h"
#include "store/account_move.h"

namespace hikyaku::store {

/// What the two halves of a move share: the rows of one account, also where it is not.

struct BoxRow {
  std::string name;
  record::MailboxRecord record;
};

/// Its mailboxes. Fault::corrupt names one that can't be read.
Result<std::vector<BoxRow>> boxes_of(const Kv& kv, std::string_view account);
/// Those of it that can be restored.
Result<std::vector<record::RemovedMailbox>> removed_boxes_of(const Kv& kv, std::string_view account);

/// Puts rows into batches that are committed as they fill.
class BatchedWriter {
 public:
  explicit BatchedWriter(MoveEnd& end) : end_(end) {}
  void put(Kv::Space space, std::string key, std::string value) {
    octets_ += key.size() + value.size();
    batch_.put(space, std::move(key), std::move(value));
  }
  void remove(Kv::Space space, std::string key) { batch_.remove(space, std::move(key)); }
  bool full() const { return batch_.writes.size() >= kMostWrites || octets_ >= kMostOctets; }
  Result<void> flush() {
    octets_ = 0;
    if (batch_.empty()) return {};
    return end_.commit(std::exchange(batch_, {}));
  }
  Result<void> flush_when_full() { return full() ? flush() : Result<void>(); }

 private:
  static constexpr std::size_t kMostWrites = 1000;
  static constexpr std::size_t kMostOctets = std::size_t{4} << 20;
  MoveEnd& end_;
  Kv::Batch batch_;
  std::size_t octets_ = 0;
};

/// Removes all rows of a range.
Result<void> remove_range(MoveEnd& end, Kv::Space space, const std::string& from, const std::string& to);

}  // namespace hikyaku::store
