#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/origin.h"
#include "base/result.h"
#include "config/diagnostic.h"
#include "config/multiplexer_settings.h"
#include "policy/applicable_condition.h"

namespace hikyaku::serve {

/// A milter-manager.conf that was read, and the interpreter that knows its blocks.
struct MilterManagerFile {
  config::MultiplexerSettings settings;
  std::vector<std::string> files;  ///< all that was read, and `load`ed
  /// Asks its blocks. Thread-safe.
  std::shared_ptr<policy::RubyStopperPort> ruby;

  /// Reads `name` and what it loads, in a process that reaches nothing but what it is handed. Fails with
  /// Fault::not_found, permanent or temporary where it can't be; faults of the configuration go to
  /// `diagnostics`. Blocks for seconds at most.
  static Result<MilterManagerFile> load(const std::string& name, SourceCatalogue& sources,
                                        config::Diagnostics& diagnostics,
                                        const config::Surroundings& surroundings = {});
};

}  // namespace hikyaku::serve
