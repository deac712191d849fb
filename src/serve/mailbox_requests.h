#pragma once
#include <functional>
#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "base/time.h"
#include "serve/mailbox_databases.h"
#include "serve/mailbox_rules.h"

namespace hikyaku::serve {

/// Answers a request "mailbox.…" as MailboxAdministration has it, from the database that the account's
/// mailboxes are in; those about all accounts from all databases: then, where there are several, rows have a
/// "database", and one that is not mounted is {"database": "…", "left_out": "why"}, with EX_TEMPFAIL. Blocks:
/// for the pool.
Result<int> answer_mailbox_request(MailboxDatabases& databases, const Clock& clock, const MailboxRules& rules,
                                   const nlohmann::json& request,
                                   const std::function<bool(const nlohmann::json&)>& row);

}  // namespace hikyaku::serve
