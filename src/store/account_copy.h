#pragma once
#include <string_view>

#include "base/result.h"
#include "store/account_move.h"

namespace hikyaku::store {

/// Copies all of an account, which is closed in both, to a database that has nothing of it. Ended half way,
/// it leaves rows there that remove_account() takes away again.
Result<AccountMove::Counts> copy_account(MoveEnd& from, MoveEnd& to, std::string_view account,
                                         const AccountMove::Progress& progress);

}  // namespace hikyaku::store
