#pragma once
#include <memory>
#include <string>

#include "base/result.h"
#include "config/diagnostic.h"
#include "io/system_random.h"
#include "serve/running.h"

namespace hikyaku::cmd {

/// A configuration folder, read and compiled, with the exit code for when that failed.
struct LoadedConfiguration {
  std::shared_ptr<SourceCatalogue> sources = std::make_shared<SourceCatalogue>();
  config::Diagnostics diagnostics;
  std::shared_ptr<const serve::Running> running;  ///< null: see exit_code
  int exit_code = 0;                              ///< EX_CONFIG, EX_NOINPUT
};

/// Reads DIR/main.cf and DIR/master.cf, compiles them, and prints errors (with `warnings`: all remarks) on
/// stderr. `random` must outlive the result.
LoadedConfiguration load_configuration(const std::string& directory, Random& random, bool warnings);

}  // namespace hikyaku::cmd
