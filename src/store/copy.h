#pragma once
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/kv.h"
#include "base/result.h"
#include "store/store.h"

namespace hikyaku::store {

struct Copied {
  Change change;
  bool over_quota = false;                ///< nothing is copied: the batch is to be dropped
  std::uint32_t uid_validity = 0;         ///< of the mailbox copied to (RFC 4315's COPYUID)
  std::vector<std::pair<Uid, Uid>> uids;  ///< there and here, ascending
  std::vector<Uid> missing;
};
/// RFC 9051 s. 6.4.7, 6.4.8: all or none of at most kMostAtOnce messages, in one batch, with their flags and
/// keywords and the time that they came; bodies are shared, not copied. The rules of messages.h.
/// Fault::not_found: there is no mailbox `to` (TRYCREATE) or `from`.
Result<Copied> copy(Store& store, Kv::Batch& batch, std::string_view from, const std::vector<Uid>& uids,
                    std::string_view to);
/// RFC 6851. Within an account it needs no room.
Result<Copied> move(Store& store, Kv::Batch& batch, std::string_view from, const std::vector<Uid>& uids,
                    std::string_view to);

}  // namespace hikyaku::store
