#pragma once

namespace hikyaku::cmd {

/// `hikyaku milters`: argv[0] is its name, the result an exit code of sysexits.h.
int milters_command(int argc, char** argv);

}  // namespace hikyaku::cmd
