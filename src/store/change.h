#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "record/mailbox_rows.h"

namespace hikyaku::store {

using Uid = std::uint32_t;     ///< RFC 9051 s. 2.3.1.1: from 1, only growing within a mailbox
using ModSeq = std::uint64_t;  ///< RFC 7162: of a mailbox, raised by each change; from 1

class Registry;

/// What a composed batch has taken from the counters that a Store keeps in memory. Keep it until the commit
/// is answered, not longer. While it lives, readers see no message of its mailboxes from its UIDs on and no
/// HIGHESTMODSEQ from its MODSEQs on, so that nothing ever appears behind what was already seen.
class Change {
 public:
  explicit Change(Registry* registry) : registry_(registry) {}
  Change(Change&& other) noexcept;
  Change& operator=(Change&& other) noexcept;
  ~Change();
  /// The commit succeeded. Without this call it counts as failed.
  void committed();

 private:
  friend class Registry;
  struct Held {
    std::uint32_t mailbox;
    Uid first;  // of `uids`
    std::uint32_t uids;
    ModSeq modseq;
  };
  void release(bool committed);
  Registry* registry_;
  bool format_ = false;  // the batch has the row of the format
  std::vector<Held> held_;
  std::vector<std::pair<std::string, record::Usage>> usage_;  // of accounts
  std::vector<std::string> accounts_;                         // that it changes: Registry::begin()
  std::vector<std::function<void(bool committed)>> at_end_;   // under the registry's lock
};

}  // namespace hikyaku::store
