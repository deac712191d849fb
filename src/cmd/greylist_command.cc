#include "cmd/greylist_command.h"

#include "cmd/command_line.h"
#include "cmd/greylist_check.h"
#include "cmd/greylist_serve.h"
#include "cmd/greylist_state_command.h"

namespace hikyaku::cmd {

int greylist_command(int argc, char** argv) {
  CommandLine app{"hikyaku greylist", "Greylisting by greylist.conf, as milter-greylist reads it."};
  GreylistServe serve(app);
  GreylistCheck check(app);
  GreylistStateCommands state(app);
  if (const auto end = app.parse(argc, argv)) return *end;
  if (serve.called()) return serve.run();
  return state.called() ? state.run() : check.run();
}

}  // namespace hikyaku::cmd
