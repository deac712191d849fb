#pragma once
#include <string>

#include "base/result.h"
#include "config/files.h"
#include "config/main_cf.h"

namespace hikyaku::cmd {

inline constexpr const char* kDefaultDirectory = "/etc/hikyaku";

/// The texts of DIR/main.cf and DIR/master.cf. Fails with not_found or permanent, naming the file.
Result<config::FileTexts> read_configuration(const std::string& directory);

/// The text of DIR/main.cf alone. Fails as read_configuration().
Result<std::string> read_main(const std::string& directory);

/// What this machine says about itself: its host name and its interfaces that are up.
config::System system_facts(std::string config_directory);

}  // namespace hikyaku::cmd
