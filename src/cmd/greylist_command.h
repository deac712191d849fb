#pragma once

namespace hikyaku::cmd {

/// `hikyaku greylist …`: argv[0] is its name, the result an exit code of sysexits.h.
int greylist_command(int argc, char** argv);

}  // namespace hikyaku::cmd
