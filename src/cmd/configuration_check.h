#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/origin.h"
#include "config/diagnostic.h"
#include "config/files.h"

namespace hikyaku::cmd {

/// All that is wrong in a configuration, by the lines of its files.
struct ConfigurationCheck {
  std::shared_ptr<SourceCatalogue> sources;
  std::vector<config::Diagnostic> all;
  bool failed = false;  ///< the hub would not start on it
};

/// Does all that serve would do before it listens: tables and certificates are opened as well.
ConfigurationCheck check_configuration(const config::FileTexts& texts, const std::string& directory);

/// Prints it: each with its line, and in the end how many there are; or an object a line.
void print(const ConfigurationCheck& check, const std::string& directory, bool json);

}  // namespace hikyaku::cmd
