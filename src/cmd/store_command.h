#pragma once

namespace hikyaku::cmd {

/// `hikyaku store`: the mailbox database and the queue's, beside a running hub or without one. argv[0] is
/// "store"; gives an exit code of sysexits.h.
int store_command(int argc, char** argv);

}  // namespace hikyaku::cmd
