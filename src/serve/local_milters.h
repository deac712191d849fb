#pragma once
#include <boost/asio/awaitable.hpp>

#include "base/explanation.h"
#include "record/queue_entry.h"
#include "serve/milter_chain.h"

namespace hikyaku::serve {

/// Tells filters (non_smtpd_milters) of mail that did not come by SMTP all that is before the message, as
/// Postfix does: as if localhost [127.0.0.1] had handed it in, the id from the beginning, and paths without
/// brackets.
boost::asio::awaitable<MilterDecision> tell_local_envelope(MilterChain& chain,
                                                           const record::QueueEntry& entry, Explanation& why);

}  // namespace hikyaku::serve
