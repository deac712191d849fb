#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/kv.h"
#include "base/result.h"
#include "record/queue_id.h"

namespace hikyaku::queue {

/// A queued message that is lost, or whose body is, as far as a damaged record still tells: any octet may be
/// wrong.
struct LostEntry {
  record::QueueId id;
  std::string sender;                   ///< "<>" for the null sender; empty: not known
  std::vector<std::string> recipients;  ///< those that it had not been delivered to
};

/// Works out which queued mail is lost when logs of the queue's database are damaged: hand in all rows of the
/// logs from the oldest to the newest, those of damaged records too.
class LossSurvey {
 public:
  void row(Kv::Space space, std::string_view key, std::optional<std::string_view> value, bool intact);
  /// `tables`: the database without its logs; null when it can't be read. By id.
  Result<std::vector<LostEntry>> finish(const Kv* tables) const;

 private:
  void fill(record::QueueId id, std::string_view stored);
  std::set<record::QueueId> there_, ended_;
  std::set<record::QueueId> bodies_;  // in damaged records
  std::map<record::QueueId, LostEntry> damaged_;
};

}  // namespace hikyaku::queue
