#pragma once
#include "io/confinement.h"
#include "serve/running.h"

namespace hikyaku::serve {

/// Where a hub of this configuration writes: its own folders, those of its log, of greylisting and of the
/// mailbox databases that there are now, and hikyaku_writable_directories. It runs a program only where
/// greylist.conf has one for its statistics.
io::ConfinementWish confinement_wish(const Running& running);

}  // namespace hikyaku::serve
