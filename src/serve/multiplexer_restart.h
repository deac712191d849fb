#pragma once
#include <string>
#include <utility>
#include <vector>

#include "base/origin.h"
#include "config/multiplexer_settings.h"

namespace hikyaku::serve {

/// The settings that have another value in `next` and that a reload does not put into force: their names, and
/// where they were written. `new_socket`: the manager's socket is made anew with it.
std::vector<std::pair<std::string, Origin>> not_until_restart(const config::MultiplexerSettings& now,
                                                              const config::MultiplexerSettings& next,
                                                              bool new_socket);

}  // namespace hikyaku::serve
