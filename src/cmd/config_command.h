#pragma once
namespace hikyaku::cmd {

/// `hikyaku config check|show|diff`; argv[0] is "config". The result is an exit code of sysexits.h.
int config_command(int argc, char** argv);

}  // namespace hikyaku::cmd
