#pragma once

namespace hikyaku::cmd {

/// `hikyaku mime`: decode, encode, show, extract, attach, doctor, nkf. argv[0] is its name.
int mime_command(int argc, char** argv);

}  // namespace hikyaku::cmd
