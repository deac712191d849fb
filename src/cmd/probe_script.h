#pragma once

namespace hikyaku::cmd {

/// `hikyaku probe PROTOCOL HOST[:PORT] --script FILE`: a dialogue that is expected of a server. Ends with 0
/// (all held), 1 (an expectation did not), 2 (no connection), 3 (no answer in time), 4 (the connection
/// broke), or EX_USAGE, EX_NOINPUT and EX_DATAERR for mistakes of ours.
int probe_script(int argc, char** argv);
/// Whether --script is among the options.
bool asks_for_script(int argc, char** argv);

}  // namespace hikyaku::cmd
