#pragma once
#include "base/origin.h"
#include "config/diagnostic.h"
#include "config/files.h"

namespace hikyaku::cmd {

/// `hikyaku config check|show`; argv[0] is "config". The result is an exit code of sysexits.h.
int config_command(int argc, char** argv);

/// All that `hikyaku config check` looks at beyond the two files themselves. What is wrong goes to
/// `diagnostics`.
void check_configuration(const config::Files& files, config::Diagnostics& diagnostics);

}  // namespace hikyaku::cmd
