#pragma once
#include <string>

#include "cmd/store_places.h"
#include "serve/running.h"

namespace hikyaku::cmd {

/// What `hikyaku store` does with the set of mailbox databases. All give the exit code.

/// Each with its folder, state, users and octets. Reads only. EX_DATAERR: one is damaged.
int list_databases(const serve::Running& running, bool as_json);
/// `directory`: as it was typed; empty: beside the catalogue. By the hub that runs, which mounts it.
int create_database(const serve::Running& running, const std::string& name, const std::string& directory,
                    bool as_json);
/// `account`: "joe@example.org", or "@example.org" for all of a domain and those to come.
int move_mailbox(const serve::Running& running, const std::string& account, const std::string& database,
                 bool as_json);

}  // namespace hikyaku::cmd
