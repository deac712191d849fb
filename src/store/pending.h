#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/kv.h"
#include "base/result.h"

namespace hikyaku::store {

/// Reads a row that `batch` will change: as the batch leaves it so far, or else from the database, and then
/// with the precondition that nobody changes it meanwhile. So that one batch may take several changes of the
/// same row. O(writes of the batch).
Result<std::optional<std::string>> read_for_change(const Kv& kv, Kv::Batch& batch, Kv::Space space,
                                                   const std::string& key);

}  // namespace hikyaku::store
