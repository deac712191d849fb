#pragma once
#include "serve/database_repair.h"

namespace hikyaku::cmd {

/// `hikyaku store repair`: gives the exit code. EX_DATAERR: something was damaged; what is left of the
/// database is in the new one all the same.
int repair_database(const serve::DatabasePlace& place, serve::Replace replace, bool as_json);

}  // namespace hikyaku::cmd
