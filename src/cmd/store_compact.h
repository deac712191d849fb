#pragma once
#include "serve/running.h"

namespace hikyaku::cmd {

/// `hikyaku store compact`: by the hub that runs, else in the database itself. Gives the exit code.
int compact_database(const serve::Running& running, bool as_json);

}  // namespace hikyaku::cmd
