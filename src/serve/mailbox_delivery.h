#pragma once
#include <functional>
#include <vector>

#include "serve/delivery_result.h"
#include "serve/destination_queue.h"
#include "serve/running.h"
#include "serve/services.h"

namespace hikyaku::serve {

/// Puts a message into the mailboxes of the job's recipients. Blocks while it reads: for the pool. `done`
/// gets a result for each recipient once the store's commit is on the disk, on the committer's thread, or at
/// once when it failed. Doing it again after a crash adds nothing (store::Store::deliver()).
void deliver_to_mailboxes(Services& services, const Running& running, bool whole_address, const Job& job,
                          std::move_only_function<void(std::vector<DeliveryResult>)> done);

}  // namespace hikyaku::serve
