#include <sysexits.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cmd/administer.h"
#include "cmd/command_line.h"
#include "cmd/commands.h"
#include "cmd/configuration_files.h"
#include "cmd/print_entries.h"

namespace hikyaku::cmd {

int why_command(int argc, char** argv) {
  CommandLine app{
      "hikyaku why",
      "Tells what was decided for a message that passed, rule by rule, from the ledger kept with it:\n"
      "which rules applied, at which file and line, and of each that did not the first condition that "
      "failed."};
  std::string directory = kDefaultDirectory;
  bool as_json = false;
  std::vector<std::string> ids;
  app.config_directory(directory);
  app.flag("--json", as_json, "one JSON object a message");
  app.option("id", &ids, "queue ids", {.required = true});
  app.footer("Example: hikyaku why -c DIR 4dXyzAbC0001z0");
  if (const auto end = app.parse(argc, argv)) return *end;

  const nlohmann::json request{{"command", "why"}, {"ids", ids}};
  bool any = false;
  const int code = administer(directory, request, [&](const nlohmann::json& row) {
    any = true;
    if (as_json) return print_json(row);
    std::printf("%s\n", row["queue_id"].get<std::string>().c_str());
    print_entries(row["entries"]);
  });
  if (code == 1 && !any)
    std::fputs("hikyaku why: nothing is known of that message (hikyaku_ledger_lifetime)\n", stderr);
  return code;
}

}  // namespace hikyaku::cmd
