#pragma once

namespace hikyaku::cmd {

/// hikyaku probe PROTOCOL HOST[:PORT]: by hand, or from a pipe. The result is an exit code of sysexits.h.
int probe_talk(int argc, char** argv);

}  // namespace hikyaku::cmd
