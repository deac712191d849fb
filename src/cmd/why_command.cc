#include <sysexits.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "cmd/administer.h"
#include "cmd/command_line.h"
#include "cmd/commands.h"
#include "cmd/configuration_files.h"
#include "cmd/print_entries.h"
#include "cmd/print_verdicts.h"
#include "cmd/running_configuration.h"
#include "serve/verdict_file.h"

namespace hikyaku::cmd {

namespace {

/// What filters behind a multiplexer made of these messages, where one keeps that in a file.
void tell_verdicts(const std::string& directory, const std::vector<std::string>& ids, bool as_json) {
  io::SystemRandom random;
  const auto loaded = load_configuration(directory, random, false);
  if (!loaded.running) return;  // has been told
  const auto& name = loaded.running->files.main.text("hikyaku_milters_verdict_file").text;
  if (name.empty()) return;
  for (const auto& id : ids) {
    const auto searched =
        serve::search_verdicts(name, "\"queue_id\":\"" + id + "\"", [&](std::string_view line) {
          const auto row = nlohmann::json::parse(line, nullptr, false);
          try {
            if (row.is_discarded() || row.value("queue_id", std::string()) != id) return;
            if (as_json) return print_json(row);
            print_verdicts(row);
          } catch (const nlohmann::json::exception&) {
            std::fprintf(stderr, "hikyaku why: a line of %s about %s is damaged\n", escaped(name).c_str(),
                         escaped(id).c_str());
          }
        });
    if (!searched) std::fprintf(stderr, "hikyaku why: %s\n", escaped(searched.error().text).c_str());
  }
}

}  // namespace

int why_command(int argc, char** argv) {
  CommandLine app{
      "hikyaku why",
      "Tells what was decided for a message that came whole, rule by rule, from the ledger kept of it:\n"
      "which rules applied, at which file and line, and of each that did not the first condition that "
      "failed."};
  std::string directory = kDefaultDirectory;
  bool as_json = false;
  std::vector<std::string> ids;
  app.config_directory(directory);
  app.flag("--json", as_json,
           "one JSON object a message; then one for each line of hikyaku_milters_verdict_file");
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
  tell_verdicts(directory, ids, as_json);
  if (code == 1 && !any)
    std::fputs("hikyaku why: nothing is known of that message (hikyaku_ledger_lifetime)\n", stderr);
  return code;
}

}  // namespace hikyaku::cmd
