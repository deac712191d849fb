#include "cmd/greylist_command.h"

#include <sysexits.h>

#include <cstdio>

#include "cmd/command_line.h"
#include "cmd/greylist_check.h"
#include "cmd/greylist_serve.h"
#include "cmd/greylist_state_command.h"

namespace hikyaku::cmd {

int greylist_command(int argc, char** argv) {
  CommandLine app{"hikyaku greylist", "Greylisting by greylist.conf, as milter-greylist reads it."};
  app.footer(
      "Examples:\n"
      "  hikyaku greylist check -f greylist.conf --client 192.0.2.7 --from a@b.example --to c@d.example\n"
      "  hikyaku greylist show --of pending");
  GreylistServe serve(app.subcommand("serve", "be a greylisting filter (milter) for an MTA"));
  GreylistCheck check(app);
  GreylistStateCommands state(app);
  if (const auto end = app.parse(argc, argv)) return *end;
  if (serve.called()) return serve.run();
  return state.called() ? state.run() : check.run();
}

int milter_greylist_command(int argc, char** argv, const char* version) {
  CommandLine app{"milter-greylist", "A greylisting filter (milter) for an MTA: `hikyaku greylist serve`."};
  bool release = false;
  app.flag("-r", release, "tell the release, and end");
  GreylistServe serve(app);
  if (const auto end = app.parse(argc, argv)) return *end;
  if (release) {
    std::printf("hikyaku %s, in place of milter-greylist-4.6.4\n", version);
    return EX_OK;
  }
  serve.leave_terminal();
  return serve.run();
}

}  // namespace hikyaku::cmd
