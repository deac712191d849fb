#pragma once
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/blob.h"
#include "base/kv.h"
#include "base/result.h"
#include "queue/loss.h"

namespace hikyaku::queue {

struct SettledRows {
  std::vector<LostEntry> lost;       ///< whose row or body is gone; by id
  std::vector<std::string> changed;  ///< a sentence each
};

/// For a queue of which rows were lost anywhere, removals too: takes away entries without their whole body,
/// which would be sent as empty mail, those that had been done and are there again, and bodies of none; gives
/// each entry its row in the index of due times. `damaged`: the spaces that rows may be missing from. Reads
/// all bodies. Nobody else has the database open. O(rows).
Result<SettledRows> settle_lost_rows(Kv& kv, const Blob& blob, const std::set<Kv::Space>& damaged);

}  // namespace hikyaku::queue
