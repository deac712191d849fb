#include "cmd/milters_command.h"

#include "cmd/command_line.h"
#include "cmd/filter_trial.h"

namespace hikyaku::cmd {

int milters_command(int argc, char** argv) {
  CommandLine app{"hikyaku milters", "Speaks to filters (milters)."};
  FilterTrial test(app);
  if (const auto end = app.parse(argc, argv)) return *end;
  return test.run();
}

}  // namespace hikyaku::cmd
