#pragma once

namespace hikyaku::cmd {

/// `hikyaku mailbox`: lists and changes mailboxes; asks the running hub, or the database when none runs.
int mailbox_command(int argc, char** argv);

}  // namespace hikyaku::cmd
