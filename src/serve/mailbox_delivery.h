#pragma once
#include <functional>
#include <optional>
#include <vector>

#include "serve/delivery_result.h"
#include "serve/destination_queue.h"
#include "serve/header_facts.h"
#include "serve/running.h"
#include "serve/services.h"

namespace hikyaku::serve {

/// Delivers a message to the job's recipients here: into mailboxes, and, for recipients of `local` that are
/// aliases (`whole_address` is false), to what they stand for. What an alias has elsewhere is queued again as
/// a message of its own (ForwardedMessage), after the mailboxes have theirs. `header`: what the message's
/// says; nullopt: a confined thread reads it (io/thread_confinement.h). Blocks while it reads: for the pool.
/// `done` gets a result for each recipient once all of it is on the disk, on the committer's thread, or at
/// once when it failed. Doing it again after a crash adds nothing to a mailbox (store::Store::deliver()).
void deliver_to_mailboxes(Services& services, const Running& running, bool whole_address, const Job& job,
                          std::optional<HeaderFacts> header,
                          std::move_only_function<void(std::vector<DeliveryResult>)> done);

}  // namespace hikyaku::serve
