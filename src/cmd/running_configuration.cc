#include "cmd/running_configuration.h"

#include <sysexits.h>

#include <cstdio>

#include "cmd/configuration_files.h"

namespace hikyaku::cmd {

LoadedConfiguration load_configuration(const std::string& directory, Random& random, bool warnings) {
  LoadedConfiguration loaded;
  const auto texts = read_configuration(directory);
  if (!texts) {
    std::fprintf(stderr, "hikyaku: %s\n", texts.error().text.c_str());
    loaded.exit_code = texts.error().fault == Fault::not_found ? EX_NOINPUT : EX_CONFIG;
    return loaded;
  }
  loaded.running =
      serve::compile(*texts, system_facts(directory), loaded.sources, random, loaded.diagnostics);
  for (const auto& one : loaded.diagnostics.all()) {
    if (warnings || one.level == config::Diagnostic::Level::error) {
      std::fputs(config::text(one, *loaded.sources).c_str(), stderr);
    }
  }
  if (!loaded.running) loaded.exit_code = EX_CONFIG;
  return loaded;
}

}  // namespace hikyaku::cmd
