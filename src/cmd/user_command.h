#pragma once

namespace hikyaku::cmd {

/// `hikyaku user add|passwd|list|remove`: the file of the people who may submit mail. A hub that runs sees
/// the change with the next login. Passwords come from a terminal, a file or a descriptor, never from an
/// argument. argv[0] is "user"; the result is an exit code of sysexits.h.
int user_command(int argc, char** argv);

}  // namespace hikyaku::cmd
