#pragma once
#include <string>

#include "base/origin.h"
#include "base/result.h"
#include "cmd/command_line.h"
#include "config/diagnostic.h"
#include "serve/multiplexer_server.h"

namespace hikyaku::cmd {

/// Where the multiplexer's configuration is: milter-manager.conf, or a folder with a main.cf.
struct MiltersSource {
  std::string file;       ///< of -f
  std::string directory;  ///< of -c

  /// Adds -f and -c.
  void add_options(CommandLine& app);
  /// Reads it. Fails where there is none of the two, or it can't be read; faults of the configuration itself
  /// go to `diagnostics`.
  Result<serve::MultiplexerServer::Loaded> load(config::Diagnostics& diagnostics,
                                                SourceCatalogue& sources) const;
};

}  // namespace hikyaku::cmd
