#pragma once
#include <string>
#include <vector>

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
  std::string mta;        ///< of --mta-config

  /// Adds -f, -c and --mta-config.
  void add_options(CommandLine& app);
  /// Reads it. Fails where there is none of the two, or it can't be read; faults of the configuration itself
  /// go to `diagnostics`.
  Result<serve::MultiplexerServer::Loaded> load(config::Diagnostics& diagnostics,
                                                SourceCatalogue& sources) const;

 private:
  /// From which on the MTA is under stress: three quarters of the sessions that it may have at once, as
  /// milter-manager sees it. 0 where its configuration can't be read, with a warning if the folder was named.
  /// Its files are added to `files`.
  config::Setting<std::size_t> stress(config::Diagnostics& diagnostics, SourceCatalogue& sources,
                                      std::vector<std::string>& files) const;
};

}  // namespace hikyaku::cmd
