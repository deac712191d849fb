#pragma once
#include <string_view>

#include "base/result.h"

namespace hikyaku::cmd {

/// Prints "COMMAND: what is wrong" on stderr, and gives the exit code of sysexits.h for it: EX_USAGE,
/// EX_NOINPUT (there is no such thing), EX_TEMPFAIL, EX_DATAERR (it is damaged), else EX_UNAVAILABLE.
int tell_error(std::string_view command, const Error& error);

}  // namespace hikyaku::cmd
