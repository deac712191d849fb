#pragma once

namespace hikyaku::cmd {

/// `hikyaku setup`: the first configuration.
int setup_command(int argc, char** argv);

}  // namespace hikyaku::cmd
