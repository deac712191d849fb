#pragma once

namespace hikyaku::cmd {

/// `hikyaku table query TABLE KEY...` and `hikyaku table check TABLE...`; argv[0] is "table". The result is 0
/// (found; nothing wrong), 1 (a key was not found), 65 (lines that are not in effect), 66 (no such file), 75
/// (the table could not be asked now), or 64 for wrong use.
int table_command(int argc, char** argv);

}  // namespace hikyaku::cmd
