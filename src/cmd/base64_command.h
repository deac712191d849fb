#pragma once

namespace hikyaku::cmd {

/// base64 of a file or stdin, by the options of GNU's and of BSD's program of that name (docs/base64.md).
int base64_command(int argc, char** argv);

}  // namespace hikyaku::cmd
