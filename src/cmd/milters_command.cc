#include "cmd/milters_command.h"

#include "cmd/command_line.h"
#include "cmd/filter_trial.h"
#include "cmd/milters_check.h"
#include "cmd/milters_serve.h"
#include "cmd/milters_stats.h"

namespace hikyaku::cmd {

int milters_command(int argc, char** argv) {
  CommandLine app{
      "hikyaku milters",
      "Many filters (milters) behind one socket, for Postfix, Sendmail or the hub; and a filter's other\n"
      "end, to test one by hand."};
  app.footer(
      "Examples:\n"
      "  hikyaku milters check -f /etc/milter-manager/milter-manager.conf --connect\n"
      "  hikyaku milters test inet:8891@localhost --from joe@example.com --file mail.eml");
  MiltersServe serve(app);
  MiltersCheck check(app);
  FilterTrial test(app);
  MiltersStats stats(app);
  if (const auto end = app.parse(argc, argv)) return *end;
  if (serve.called()) return serve.run();
  if (check.called()) return check.run();
  if (stats.called()) return stats.run();
  return test.run();
}

}  // namespace hikyaku::cmd
