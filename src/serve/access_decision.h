#pragma once
#include <boost/asio/awaitable.hpp>

#include "base/explanation.h"
#include "io/resolver.h"
#include "io/worker_pool.h"
#include "policy/access.h"
#include "serve/client_identity.h"
#include "serve/incoming_message.h"
#include "smtp/reply.h"

namespace hikyaku::serve {

using AccessStage = policy::Verdict (policy::Access::*)(const policy::Request&, Explanation&) const;

/// Asks `access` and, on its behalf, the DNS, until it has decided. `dns` keeps what was answered and must be
/// the one that `request` names.
boost::asio::awaitable<policy::Verdict> decide_access(io::WorkerPool* lookups, io::Resolver& resolver,
                                                      DnsFacts& dns, const policy::Access& access,
                                                      AccessStage stage, policy::Request request,
                                                      Explanation& why);

/// The client's name by reverse lookup, verified by a lookup of the name.
boost::asio::awaitable<void> look_up_client_name(io::Resolver& resolver, ClientIdentity& client);

smtp::Reply reply_of(const policy::Refusal& refusal);

/// What access tables ask for besides yes and no goes into the envelope.
void take_actions(policy::Actions actions, IncomingEnvelope& envelope);

}  // namespace hikyaku::serve
