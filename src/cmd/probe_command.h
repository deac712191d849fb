#pragma once

namespace hikyaku::cmd {

/// hikyaku probe: argv[0] is its name, the result an exit code.
int probe_command(int argc, char** argv);

}  // namespace hikyaku::cmd
