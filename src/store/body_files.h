#pragma once
#include "base/result.h"

namespace hikyaku::store {

class Store;

/// Writes the rows of kFile of a database of before format 3, by which Store::orphans() need not read all
/// messages. Not synced. Safe to end at any moment and to begin again. O(messages).
Result<void> index_body_files(Store& store);

}  // namespace hikyaku::store
