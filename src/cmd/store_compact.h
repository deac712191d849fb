#pragma once
#include <string>

#include "serve/running.h"

namespace hikyaku::cmd {

/// `hikyaku store compact`: by the hub that runs, else in the database `name` itself. Gives the exit code.
int compact_database(const serve::Running& running, const std::string& name, bool as_json);

}  // namespace hikyaku::cmd
