#pragma once
#include <optional>

#include "base/result.h"

namespace hikyaku::cmd {

class CommandLine;

/// After parse(), of one command of `hikyaku mime`: an option that the others leave without a meaning, which
/// is refused (Fault::malformed) instead of ignored.
std::optional<Error> unfit_decode_option(const CommandLine& command);
std::optional<Error> unfit_encode_option(const CommandLine& command);
std::optional<Error> unfit_extract_option(const CommandLine& command);
std::optional<Error> unfit_attach_option(const CommandLine& command);

}  // namespace hikyaku::cmd
