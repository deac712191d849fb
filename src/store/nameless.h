#pragma once
#include <functional>

#include "base/kv.h"
#include "base/result.h"
#include "store/check.h"

namespace hikyaku::store {

/// Messages whose mailbox has no row any more, its making being lost: gives the mailbox its name again, by
/// who got mail in it, or else one by its number ("recovered/7", of nobody). Tells each as
/// Problem::Kind::no_mailbox, mended. Nobody else may have the database open. O(messages).
Result<void> name_nameless_mailboxes(Kv& kv, const std::function<void(const Problem&)>& report);

}  // namespace hikyaku::store
