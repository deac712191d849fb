#pragma once
#include <span>
#include <string>

#include "probe/send_settings.h"

namespace hikyaku::cmd {

/// This host, this user, now, and what makes one message unlike any other.
probe::SendSurroundings send_surroundings(const probe::SendArguments& arguments);

/// Options from where they are weaker than those of the command line: swaks' configuration file (--config
/// among `words`, else .swaksrc of $SWAKS_HOME, $HOME or $LOGDIR), then SWAKS_OPT_name. `target` as in
/// SendArguments::add_words().
Result<void> add_send_defaults(std::span<const std::string> words, bool target, probe::SendSources& sources,
                               probe::SendArguments& into);

}  // namespace hikyaku::cmd
