#pragma once

namespace hikyaku::cmd {

/// `hikyaku probe send`: swaks' command line. argv[0] is "send"; ends with swaks' exit codes.
int probe_send_command(int argc, char** argv);

/// `hikyaku probe smtp|submission|smtps|lmtp HOST[:PORT]` with options of sending: the same, where argv[0] is
/// the protocol, and the first word that is no option names the server.
int probe_send_by_protocol(int argc, char** argv);
/// Whether the options are such: one of --to, --from, --data, --body, --attach, --header, --quit-after and so
/// on.
bool asks_to_send(int argc, char** argv);

}  // namespace hikyaku::cmd
