#pragma once
#include <string>

#include "base/result.h"
#include "store/account_move.h"

namespace hikyaku::store {

/// Removes all rows of an account from a database in which it is not, and the mark of its move last. Safe to
/// end at any moment and to begin again.
Result<void> remove_account(MoveEnd& end, const std::string& account);

}  // namespace hikyaku::store
