#pragma once

namespace hikyaku::cmd {

/// `hikyaku greylist …`: argv[0] is its name, the result an exit code of sysexits.h.
int greylist_command(int argc, char** argv);
/// What init scripts and units of milter-greylist start under that name; `version` of the program.
int milter_greylist_command(int argc, char** argv, const char* version);

}  // namespace hikyaku::cmd
