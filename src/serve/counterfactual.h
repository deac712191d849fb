#pragma once
#include <string>
#include <vector>

#include "base/explanation.h"
#include "serve/client_identity.h"
#include "serve/running.h"

namespace hikyaku::serve {

/// What would have to be different for another outcome, a sentence each: worked out from the conditions that
/// failed, and, for what makes headers be rewritten, by trying it. `entries` are those of one message.
std::vector<std::string> counterfactuals(const std::vector<Explanation::Entry>& entries,
                                         const Running& running, const Listener& listener,
                                         const ClientIdentity& client, bool refused);

}  // namespace hikyaku::serve
