#pragma once

namespace hikyaku::cmd {

/// `hikyaku mime nkf`: nkf's options. argv[0] is "nkf". Gives the exit code: EX_DATAERR when content was
/// lost, EX_USAGE for options of nkf's that are not supported.
int mime_nkf(int argc, char** argv);

}  // namespace hikyaku::cmd
