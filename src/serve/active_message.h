#pragma once
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/explanation.h"
#include "record/queue_entry.h"

namespace hikyaku::serve {

/// A message that is in the queue and is being worked on. Shared by the jobs that deliver its recipients;
/// each job writes to its own recipients, and to the rest under `mutex`.
struct ActiveMessage {
  record::QueueEntry stored;  ///< as the queue's database has it
  record::QueueEntry entry;   ///< with what has happened since
  /// The whole message, when it is small and just came; null: read it from the queue.
  std::shared_ptr<const std::string> content;

  std::mutex mutex;
  Explanation ledger;                   ///< what was decided since the last commit
  std::size_t open_jobs = 0;            ///< jobs not yet finished
  std::vector<std::size_t> in_mailbox;  ///< recipients that a mailbox here took in this run
  bool removal_asked = false;           ///< an administrator deleted it: what is not under way is dropped
  bool hold_asked = false;  ///< an administrator put it on hold: it is held when its jobs are finished
};

}  // namespace hikyaku::serve
